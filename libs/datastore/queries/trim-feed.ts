import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';

const perCall = 10_000;

/** Forgets changes that are older, a part a call, so that no call takes long; the newest revision always stays. */
export async function trimFeed(database: Kysely<Database>, olderThanSeconds: number): Promise<void> {
  for (let before = -1n; ; ) {
    const { rows } = await sql<{ upto: bigint }>`
      SELECT trim_feed(make_interval(secs => ${olderThanSeconds}), ${perCall}) AS upto`.execute(database);
    const { upto } = rows[0];
    if (upto === 0n || upto - before < BigInt(perCall)) return;
    before = upto;
  }
}
