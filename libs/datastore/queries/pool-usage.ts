import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';

/** How much of a pool is in use; pools without blocks are absent. */
export interface PoolUsage {
  readonly pool: string;
  readonly blocks: number;
  /** Addresses that pods hold. */
  readonly addresses: number;
}

export async function poolUsage(database: Kysely<Database>): Promise<PoolUsage[]> {
  const { rows } = await sql<PoolUsage>`
    SELECT b.pool, count(DISTINCT b.cidr)::integer AS blocks, count(a.address)::integer AS addresses
    FROM block b LEFT JOIN (SELECT DISTINCT unnest(addresses) AS address FROM endpoint) a ON a.address <<= b.cidr
    GROUP BY b.pool ORDER BY b.pool`.execute(database);
  return rows;
}
