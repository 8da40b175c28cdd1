import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';

/** Makes the partitions of the days to come and drops those that are older; meant to be called at start and every few hours. */
export async function keepHistory(database: Kysely<Database>, keepDays: number): Promise<void> {
  await sql`SELECT keep_history(make_interval(secs => ${keepDays * 86_400}))`.execute(database);
}
