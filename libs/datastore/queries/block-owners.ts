import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';

/** A node that owns blocks. */
export interface BlockOwner {
  readonly node: string;
  readonly blocks: number;
  /** At most three of them. */
  readonly examples: readonly string[];
}

export async function blockOwners(database: Kysely<Database>): Promise<BlockOwner[]> {
  const { rows } = await sql<BlockOwner>`
    SELECT node, count(*)::integer AS blocks, (array_agg(cidr::text ORDER BY cidr))[1:3] AS examples
    FROM block GROUP BY node ORDER BY node`.execute(database);
  return rows;
}
