// A node that is cut off for a day, while the rest goes on: what it had stays its own, whatever time has passed.
import { expect, test } from 'vitest';
import { Cluster } from '../support/ipam/cluster.ts';
import { pool, useDatabase } from './support.ts';

const database = useDatabase();

test('a node that was cut off for a day finds its blocks and pods as they were, though the feed has forgotten and the pool was full', async () => {
  await database.datastore.write({ op: 'resources', put: [pool('p', '10.72.0.0/27', 30)] });
  const cluster = await Cluster.make({
    datastore: () => database.datastore,
    query: database.query,
    pools: ['p'],
    machines: ['here', 'away'],
  });
  try {
    const [here, away] = cluster.machines;
    const fill = async (machine: typeof here, most: number) => {
      let added = 0;
      while (added < most && (await machine.add(cluster.newContainer()))) added++;
      return added;
    };
    for (const machine of cluster.machines) {
      await machine.start();
      await machine.meetHub();
      expect(await fill(machine, 6)).toBe(6);
      await machine.report();
    }
    const owned = async (node: string) =>
      (await database.datastore.listBlocks()).filter((block) => block.node === node).map(({ cidr }) => cidr);
    const before = { blocks: await owned('away'), pods: away.containers() };

    cluster.cutOff.add('away');
    // A pod starts and one ends there, which nobody hears of.
    expect(await fill(away, 2)).toBe(2);
    await away.remove(before.pods[0]);
    await database.query(`UPDATE caracal.node_status SET reported_at = reported_at - interval '1 day'`);
    await database.query(`UPDATE caracal.revision SET at = at - interval '1 day'`);
    expect(await fill(here, 100)).toBe(6 * 4 - 6);
    await here.report();
    await database.datastore.trimFeed(3600);
    await database.datastore.keepHistory(1);
    expect(await fill(here, 1)).toBe(0);
    expect(await owned('away')).toEqual(before.blocks);
    expect(
      (await database.datastore.recoverNode('away')).endpoints.map(({ containerId }) => containerId).sort(),
    ).toEqual(before.pods.toSorted());

    cluster.cutOff.delete('away');
    expect(await away.meetHub()).toBe('asserted');
    away.rest();
    expect(await owned('away')).toEqual(before.blocks);
    expect(await cluster.violations()).toEqual([]);
    await cluster.mend();
    expect(await cluster.lost()).toEqual([]);
  } finally {
    await cluster.destroy();
  }
}, 120_000);
