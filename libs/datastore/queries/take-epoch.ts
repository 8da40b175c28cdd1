import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';

export type TakenEpoch = { readonly epoch: bigint } | { readonly otherCluster: string };

/** Makes the caller the one operator whose writes count, unless the database belongs to another cluster. */
export async function takeEpoch(database: Kysely<Database>, cluster: string, leader: string): Promise<TakenEpoch> {
  const { rows } = await sql<{ taken: { epoch: string } | { otherCluster: string } }>`
    SELECT take_epoch(${cluster}, ${leader}) AS taken`.execute(database);
  const { taken } = rows[0];
  return 'epoch' in taken ? { epoch: BigInt(taken.epoch) } : taken;
}
