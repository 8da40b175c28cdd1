import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';

/** Forgets changes that are older, at most this many revisions a call; the newest revision always stays. */
export async function trimFeed(database: Kysely<Database>, olderThanSeconds: number, atMost = 10_000): Promise<void> {
  await sql`SELECT trim_feed(make_interval(secs => ${olderThanSeconds}), ${atMost})`.execute(database);
}
