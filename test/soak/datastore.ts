import { run as feed } from './feed.ts';
import { run as ipam } from './ipam.ts';

/** `npm run soak -- datastore`: the feed through a failover, then histories and fault points of blocks and addresses. */
export async function run(): Promise<void> {
  await feed([]);
  await ipam([]);
}
