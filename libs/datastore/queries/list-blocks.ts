import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { StoredBlock } from '../items.ts';

/** Every block with its owner, by address. */
export async function listBlocks(database: Kysely<Database>): Promise<StoredBlock[]> {
  return database.selectFrom('block').select(['cidr', 'pool', 'node', 'incarnation']).orderBy('cidr').execute();
}
