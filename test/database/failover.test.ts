// An asynchronous standby is promoted without the last commits, on the oldest Postgres that is supported (Debian's 15): what nodes were
// granted in them stays theirs.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Datastore, migrate, openDatastore } from '@caracal/datastore';
import { afterAll, expect, test } from 'vitest';
import { Cluster } from '../support/ipam/cluster.ts';
import { copyForStandby, type Postgres, startPostgres } from '../support/postgres.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { pool, runQuery } from './support.ts';

const installation = '/usr/lib/postgresql/15';
const cleanups: Array<() => unknown> = [];
afterAll(async () => {
  for (const clean of cleanups.reverse()) await clean();
});

async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await check()); await sleep(250)) {
    if (Date.now() > deadline) throw new Error(`not after a minute: ${what}`);
  }
}

test('a standby without the last commits: nothing is granted until every node has said what it owns, and nothing is lost', async () => {
  const folder = makeTemporaryFolder('failover');
  cleanups.push(() => removeTemporaryFolder(folder));
  await chmod(folder, 0o711);
  const server = (name: string) =>
    startPostgres({
      installation,
      dataDirectory: join(folder, name),
      socketDirectory: join(folder, `${name}-socket`),
    });
  const primary = await server('primary');
  cleanups.push(() => primary.destroy());
  await migrate(primary.url);
  await copyForStandby(installation, primary, join(folder, 'standby'));
  const standby = await server('standby');
  cleanups.push(() => standby.destroy());

  let current: Postgres = primary;
  let datastore: Datastore = openDatastore(primary.urlFor('caracal_hub'));
  cleanups.push(() => datastore.close());
  const query = <Row extends object>(text: string, values?: unknown[]) => runQuery<Row>(current.url, text, values);
  await datastore.write({ op: 'resources', put: [pool('p', '10.70.0.0/26', 30)] });
  const cluster = await Cluster.make({ datastore: () => datastore, query, pools: ['p'], machines: ['a', 'b'] });
  cleanups.push(() => cluster.destroy());
  const [a, b] = cluster.machines;
  await cluster.start(3);

  // With a standby that commits wait for, claims are durable; this one is not such.
  expect((await datastore.durability()).notDurable).toContain('no synchronous standby');
  await query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
  await query('SELECT pg_reload_conf()');
  await eventually('claims are durable', async () => (await datastore.durability()).notDurable === undefined);
  await query('ALTER SYSTEM RESET synchronous_standby_names');
  await query('SELECT pg_reload_conf()');
  await eventually('the standby has everything', async () => {
    const [row] = await query<{ behind: boolean | null }>(
      `SELECT bool_or(replay_lsn < pg_current_wal_lsn()) AS behind FROM pg_stat_replication`,
    );
    return row.behind === false;
  });

  // From here on the standby gets nothing more. Both nodes are granted blocks that only the primary knows of.
  await runQuery(standby.url, `ALTER SYSTEM SET primary_conninfo = ''`);
  await runQuery(standby.url, 'SELECT pg_reload_conf()');
  await eventually('the standby is cut off', async () => {
    const [{ count }] = await runQuery<{ count: string }>(standby.url, 'SELECT count(*) FROM pg_stat_wal_receiver');
    return count === '0';
  });
  expect([await cluster.addPods(a, 4), await cluster.addPods(b, 3)]).toEqual([4, 3]);
  for (const machine of cluster.machines) await machine.report();
  const granted = (await datastore.listBlocks()).map(({ cidr, node }) => `${cidr} ${node}`);
  await primary.kill();
  await runQuery(standby.url, 'SELECT pg_promote()');
  await datastore.close();
  current = standby;
  datastore = openDatastore(standby.urlFor('caracal_hub'));
  const kept = (await datastore.listBlocks()).map(({ cidr, node }) => `${cidr} ${node}`);
  expect(kept.length).toBeLessThan(granted.length);

  // What a node has it goes on using; but no block is granted: it could be one that the other has.
  expect(await cluster.addPods(b, 2)).toBe(2);
  expect(await cluster.addPods(b, 1)).toBe(0);
  const { reasserting } = await datastore.durability();
  expect(reasserting).toMatchObject({
    missing: ['a', 'b'],
    reason: expect.stringMatching(/^the database was \d+\/00000001 and is \d+\/00000002$/),
  });
  await b.meetHub();
  expect(await cluster.addPods(b, 1)).toBe(0);
  await a.meetHub();
  await eventually('blocks are granted again', async () => (await cluster.addPods(b, 1)) === 1);
  for (const machine of cluster.machines) await machine.report();
  expect((await datastore.listBlocks()).map(({ cidr, node }) => `${cidr} ${node}`)).toEqual(
    expect.arrayContaining(granted),
  );
  expect(await cluster.violations()).toEqual([]);
  await cluster.mend();
  expect(await cluster.lost()).toEqual([]);
}, 180_000);
