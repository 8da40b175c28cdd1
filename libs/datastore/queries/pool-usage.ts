import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';
import { listServiceAddresses } from './service-addresses.ts';

/** How much of a pool is in use; pools of which nothing is in use are absent. */
export interface PoolUsage {
  readonly pool: string;
  readonly blocks: number;
  /** Addresses that pods or Services hold. */
  readonly addresses: number;
}

export async function poolUsage(database: Kysely<Database>): Promise<PoolUsage[]> {
  const { rows } = await sql<PoolUsage>`
    SELECT b.pool, count(DISTINCT b.cidr)::integer AS blocks, count(a.address)::integer AS addresses
    FROM block b LEFT JOIN (SELECT DISTINCT unnest(addresses) AS address FROM endpoint) a ON a.address <<= b.cidr
    GROUP BY b.pool ORDER BY b.pool`.execute(database);
  const usage = new Map(rows.map((row) => [row.pool, row]));
  for (const { pool } of await listServiceAddresses(database)) {
    const { blocks, addresses } = usage.get(pool) ?? { blocks: 0, addresses: 0 };
    usage.set(pool, { pool, blocks, addresses: addresses + 1 });
  }
  return [...usage.values()];
}
