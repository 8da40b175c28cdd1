// A backup is put in the place of a database that went on after it, on the oldest Postgres that is supported (Debian's 15), by caracalctl as a
// person calls it: what nodes were granted since stays theirs.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { migrate, openDatastore } from '@caracal/datastore';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster } from '../support/ipam/cluster.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { pool, runQuery } from './support.ts';

const launcher = join(import.meta.dirname, '../../apps/ctl/caracalctl');
let folder: string;
let postgres: Postgres;

beforeAll(async () => {
  folder = makeTemporaryFolder('backup');
  postgres = await startPostgres({ installation: '/usr/lib/postgresql/15' });
  await migrate(postgres.url);
}, 60_000);

afterAll(async () => {
  await postgres?.destroy();
  removeTemporaryFolder(folder);
});

async function ctl(...args: string[]) {
  const env = { CARACAL_DATABASE_URL: postgres.url };
  const { exitCode, stdout, stderr } = await execa(launcher, args, { env, reject: false });
  return { code: exitCode, out: stdout, err: stderr };
}

const query = <Row extends object>(text: string, values?: unknown[]) => runQuery<Row>(postgres.url, text, values);
const schemas = () =>
  query<{ name: string }>(`SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'caracal%' ORDER BY 1`);

test('a restored backup grants no block until every node has said what it owns; conflicts are told before it counts', async () => {
  const open = () => openDatastore(postgres.urlFor('caracal_hub'));
  let datastore = open();
  const balanced = pool('public', '203.0.113.0/28', 28, { allowedUses: ['LoadBalancer'] });
  await datastore.write({ op: 'resources', put: [pool('p', '10.71.0.0/26', 30), balanced] });
  await datastore.takeEpoch('cluster', 'test');
  const addresses = [{ address: '203.0.113.7', pool: 'public' }];
  const service = { op: 'service', epoch: 1n, namespace: 'shop', name: 'web', uid: 'u' } as const;
  await datastore.write({ ...service, addresses });
  const cluster = await Cluster.make({ datastore: () => datastore, query, pools: ['p'], machines: ['a', 'b'] });
  try {
    const [a, b] = cluster.machines;
    await cluster.start(3);
    const file = join(folder, 'caracal.dump');
    const made = await ctl('backup', '--file', file);
    expect(made).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/: revision \d+, 2 blocks$/) });
    expect((await stat(file)).mode & 0o777).toBe(0o600);

    await datastore.write({ ...service, addresses: [] });
    // Life goes on: b gives its block back, a gets it; and both get more.
    for (const container of b.containers()) await b.remove(container);
    await b.report();
    b.rest();
    cluster.drained.add('p');
    await b.meetHub();
    cluster.drained.delete('p');
    expect(await cluster.addPods(a, 6)).toBe(6);
    expect(await cluster.addPods(b, 5)).toBe(5);
    for (const machine of cluster.machines) await machine.report();
    const owned = async () => (await datastore.listBlocks()).map(({ cidr, node }) => `${cidr} ${node}`).sort();
    const granted = await owned();

    const used = await ctl('restore', '--file', file, '--enforce');
    expect(used).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^hubs or the operator have \d+ connections to the database: stop them/),
    });
    await datastore.close();
    const compared = await ctl('restore', '--file', file);
    expect(compared).toMatchObject({ code: 0, err: '' });
    const told = compared.out.split('\n');
    expect(told).toContain(
      "BlockOfAnother: block 10.71.0.4/30 is node b's by the backup, and 10.71.0.4/30 is node a's now: who holds it keeps it",
    );
    expect(told.filter((line) => line.startsWith('BlockSince: '))).toHaveLength(granted.length - 2);
    expect(told.at(-1)).toMatch(/^nothing was changed/);
    datastore = open();
    expect(await owned()).toEqual(granted);
    expect(await schemas()).toEqual([{ name: 'caracal' }]);
    await datastore.close();

    const restored = await ctl('restore', '--file', file, '--enforce');
    expect(restored).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('have said what they own: a, b\n'),
    });
    expect(await schemas()).toEqual([{ name: 'caracal' }, { name: 'caracal_former' }]);
    datastore = open();
    expect(await owned()).toHaveLength(2);
    expect(await datastore.listServiceAddresses()).toMatchObject([{ address: '203.0.113.7', name: 'web' }]);
    await datastore.write({ ...service, addresses: [] });
    await query(`UPDATE caracal.history SET hold = '0 seconds'`);

    // What a node has it goes on using; a block it gets when both have been heard.
    const fill = async (machine: typeof a) => {
      for (let i = 0; i < 100; i++) if (!(await machine.add(cluster.newContainer()))) return;
    };
    await fill(b);
    expect(await cluster.violations().then((found) => found.filter((line) => line.includes('alive twice')))).toEqual(
      [],
    );
    expect((await datastore.durability()).reasserting).toMatchObject({
      missing: ['a', 'b'],
      reason: expect.stringMatching(/^it was restored from a backup of 20/),
    });
    await b.meetHub();
    expect(await cluster.addPods(b, 1)).toBe(0);
    await a.meetHub();
    await b.meetHub();
    await a.meetHub();
    expect(await cluster.addPods(b, 1)).toBe(1);
    for (const machine of cluster.machines) await machine.report();
    expect(await owned()).toEqual(expect.arrayContaining(granted));
    await cluster.mend();
    expect(await cluster.lost()).toEqual([]);

    const again = await ctl('restore', '--file', file);
    expect(again).toMatchObject({ code: 1 });
  } finally {
    await cluster.destroy();
    await datastore.close();
  }
}, 180_000);

test('what is no backup, or not of the tools that there are, changes nothing and is named', async () => {
  await query('DROP SCHEMA IF EXISTS caracal_former CASCADE');
  const bad = join(folder, 'bad.dump');
  await writeFile(bad, 'no dump');
  const before = await query('SELECT * FROM caracal.history');
  expect(await ctl('restore', '--file', bad, '--enforce')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/pg_restore failed: .*input file/),
  });
  expect(await query('SELECT * FROM caracal.history')).toEqual(before);
  expect(await ctl('backup', '--file', join(folder, 'x'), '--pg-bin', folder)).toMatchObject({
    code: 1,
    err: `the server is Postgres 15, and there is no pg_dump of that version in ${folder}: install postgresql-client-15, or name its folder by --pg-bin`,
  });
  await expect(readFile(join(folder, 'x'))).rejects.toThrow('ENOENT');
}, 60_000);
