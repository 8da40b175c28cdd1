import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';

/** What happened to an address, or to a block that it lies in. */
export interface AddressEvent {
  readonly at: Date;
  readonly revision: bigint;
  readonly event: string;
  /** The address, or the block. */
  readonly cidr: string;
  readonly node: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly containerId: string;
  /** Of a block's owner. */
  readonly incarnation: string;
}

/** The newest events of an address and of blocks around it, newest first: by revision, since clocks are set back. */
export async function addressHistory(
  database: Kysely<Database>,
  address: string,
  limit: number,
): Promise<AddressEvent[]> {
  const { rows } = await sql<AddressEvent>`
    SELECT * FROM (
      (SELECT at, revision, event, host(address) AS cidr, node, pod_namespace AS "podNamespace", pod_name AS "podName",
              pod_uid AS "podUid", container_id AS "containerId", '' AS incarnation
       FROM address_event WHERE address = ${address}::inet ORDER BY revision DESC, at DESC LIMIT ${limit})
      UNION ALL
      (SELECT at, revision, event, cidr::text, node, '', '', '', '', incarnation
       FROM block_event WHERE cidr >>= ${address}::inet ORDER BY revision DESC, at DESC LIMIT ${limit})) e
    ORDER BY revision DESC, at DESC LIMIT ${limit}`.execute(database);
  return rows;
}
