import { setTimeout as sleep } from 'node:timers/promises';
import type { Datastore } from '@caracal/datastore';
import type { Logger } from 'pino';
import type { HubConfig } from './config.ts';

const everyMs = 10 * 60 * 1000;
const retryMs = 15_000;

/**
 * What the database needs from time to time, from whichever hub comes first: old changes are forgotten, days of history made and
 * dropped. And a line in the log when claims could be lost, or when the database is not the one that it was.
 */
export function startUpkeep(datastore: Datastore, config: HubConfig, logger: Logger): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let told = '';

  async function round(): Promise<void> {
    await datastore.keepHistory(config.history.keepDays);
    await datastore.trimFeed(config.feed.keepDays * 86_400);
    const { notDurable, reasserting } = await datastore.durability();
    const now = JSON.stringify([notDurable, reasserting?.since]);
    if (now === told) return;
    told = now;
    if (notDurable) logger.warn({ reason: notDurable }, 'ClaimsNotDurable');
    if (reasserting)
      logger.warn(
        reasserting,
        'the database lost something: no block is granted until every node has said what it owns',
      );
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const done = await round().then(
        () => true,
        (error: Error) => {
          logger.debug({ reason: error.message }, 'upkeep of the database failed: it is tried again');
          return false;
        },
      );
      await sleep(done ? everyMs : retryMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
