// The feed's reader: a snapshot, then every revision in order, through whatever happens to the connection.
//
// One connection of its own listens and reads. NOTIFY only wakes it; it also looks by itself, so a notification that gets lost (or
// a pooler that swallows LISTEN) costs a moment, never a change. Where it stands is (revision, nonce): after a break it asks for
// what came after, and takes a new snapshot only when the database does not know that pair.
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { connectionOptions } from './database.ts';
import type { Position, Revision, StoredItem } from './items.ts';
import { schemaFacts, schemaRange } from './migrate.ts';
import { type Gathering, nextPause } from './pace.ts';
import { changesAfter, revisionsUpTo } from './queries/changes-after.ts';
import { snapshot } from './queries/snapshot.ts';

/** Is told, in order. Must not throw. */
export interface FeedObserver {
  /** Forget everything: what follows, up to the next `snapshotEnd`, is all there is. It may begin again before it ended. */
  snapshotBegin(): void;
  snapshotItems(items: readonly StoredItem[]): void;
  /** `recent`: the newest revisions up to this position, which the snapshot contains; for those who resume. */
  snapshotEnd(position: Position, recent: readonly Revision[]): void;
  revisions(revisions: readonly Revision[]): void;
  /** The database answered: everything that was committed before has been told. */
  contact(): void;
  /** The connection is lost or could not be made; it is tried again. */
  lost(error: Error): void;
}

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** How long changes are gathered while they keep coming (default 20 to 100 ms); the first one after a pause goes at once. */
  readonly gatherMs?: Gathering;
  /** Looks without having been woken (default 1 s). */
  readonly pollMs?: number;
  /** Between attempts to connect: doubled from the first to the last, with jitter (default 100 ms to 5 s). */
  readonly backoffMs?: { readonly first: number; readonly last: number };
  readonly random?: () => number;
}

const revisionsPerRead = 1000;
const recentRevisions = 2000;

/** Runs until the signal aborts; never rejects. */
export async function followFeed(url: string, observer: FeedObserver, options: FollowOptions): Promise<void> {
  const {
    signal,
    gatherMs = { least: 20, most: 100 },
    pollMs = 1000,
    backoffMs = { first: 100, last: 5000 },
    random = Math.random,
  } = options;
  let position: Position | undefined;
  let backoff = backoffMs.first;

  let pause = gatherMs.least;
  let measured = performance.eventLoopUtilization();

  const follow = async (client: pg.Client, wake: Wake) => {
    const { version, usableFrom } = await schemaFacts(client);
    const tooNew = version > schemaRange.newest && usableFrom > schemaRange.newest;
    if (version < schemaRange.oldest || tooNew) throw new SchemaMismatch(version);
    await client.query('LISTEN caracal_feed');
    while (!signal.aborted) {
      if (!position) {
        observer.snapshotBegin();
        const taken = await snapshot(client, (items) => observer.snapshotItems(items));
        observer.snapshotEnd(taken, await revisionsUpTo(client, taken, recentRevisions));
        position = taken;
      }
      wake.reset();
      const revisions: Revision[] | undefined = await changesAfter(client, position, revisionsPerRead);
      backoff = backoffMs.first;
      if (!revisions) {
        position = undefined;
        continue;
      }
      if (revisions.length > 0) {
        const { revision, nonce } = revisions[revisions.length - 1];
        position = { revision, nonce };
        observer.revisions(revisions);
      }
      observer.contact();
      if (revisions.length === revisionsPerRead) continue;
      if (revisions.length > 0) {
        const now = performance.eventLoopUtilization();
        pause = nextPause(pause, performance.eventLoopUtilization(now, measured).utilization, gatherMs);
        measured = now;
        await sleep(pause, undefined, { signal });
      } else await wake.wait(pollMs);
    }
  };

  while (!signal.aborted) {
    const client = new pg.Client({ ...connectionOptions(url), query_timeout: 10_000 });
    const wake = new Wake();
    const broken = new Promise<never>((_, reject) => {
      client.on('error', reject);
      client.on('end', () => reject(new Error('the database closed the connection')));
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    broken.catch(() => {}); // it may break when nobody waits for it any more
    client.on('notification', () => wake.wake());
    try {
      await Promise.race([client.connect(), broken]);
      await Promise.race([follow(client, wake), broken]);
    } catch (error) {
      if (!signal.aborted) observer.lost(error instanceof Error ? error : new Error(String(error)));
    }
    wake.wake();
    client.end().catch(() => {});
    if (signal.aborted) return;
    await sleep(backoff * (0.5 + random()), undefined, { signal }).catch(() => {});
    backoff = Math.min(backoff * 2, backoffMs.last);
  }
}

/** The database has a schema that this program cannot work with. */
export class SchemaMismatch extends Error {
  constructor(version: number) {
    const { oldest, newest } = schemaRange;
    const range = oldest === newest ? `version ${oldest}` : `versions ${oldest} to ${newest}`;
    super(
      version < oldest
        ? `the database's schema is version ${version}, this program needs ${range}: run \`hub migrate\``
        : `the database's schema is version ${version}, newer than ${range}, which this program can use: update it`,
    );
    this.name = 'SchemaMismatch';
  }
}

/** Remembers one wake-up until somebody waits. */
class Wake {
  #woken = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#woken = true;
    this.#resolve?.();
  }

  reset(): void {
    this.#woken = false;
  }

  async wait(ms: number): Promise<void> {
    if (this.#woken) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#resolve = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#resolve = undefined;
  }
}
