import { fileURLToPath } from 'node:url';
import { type MigrationReport, migrate, openDatastore, schemaRange } from '@caracal/datastore';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { pool, runQuery } from './support.ts';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);
afterAll(() => postgres?.destroy(), 60_000);

const database = async (name: string) => {
  await runQuery(postgres.url, `CREATE DATABASE ${name}`);
  return (role: string) => postgres.urlFor(role).replace('/caracal?', `/${name}?`);
};

test('an empty database gets all migrations once, however many try at the same time', async () => {
  const url = await database('together');
  const reports = await Promise.all(Array.from({ length: 4 }, () => migrate(url('postgres'))));
  const applied = (report: MigrationReport) => report.applied.length;
  expect(reports.map(applied).sort((a, b) => b - a)).toEqual([schemaRange.newest, 0, 0, 0]);
  expect(new Set(reports.map((report) => report.to))).toEqual(new Set([schemaRange.newest]));
});

test('it can stop at any version and go on from there', async () => {
  const url = await database('steps');
  for (let version = 1; version <= schemaRange.newest; version++) {
    expect(await migrate(url('postgres'), { upTo: version })).toMatchObject({ from: version - 1, to: version });
  }
});

test('from every earlier version that was released, with rows in it, nothing is lost and everything works', async () => {
  for (let version = 6; version < schemaRange.newest; version++) {
    if (version === 8) continue; // came together with the next
    const url = await database(`rows${version}`);
    await migrate(url('postgres'), { upTo: version });
    const incarnation = '00000000-0000-4000-8000-000000000001';
    const endpoint = { containerId: 'c', interface: 'eth0', podNamespace: 'n', podName: 'p', podUid: 'u' };
    const requests = [
      { op: 'resources', put: [pool('p', '10.0.0.0/24', 26)] },
      { op: 'claim', pool: 'p', node: 'n1', incarnation },
      {
        op: 'report',
        node: 'n1',
        full: true,
        endpoints: [{ ...endpoint, addresses: ['10.0.0.1'] }],
        removed: [],
        put: [],
      },
    ];
    await runQuery(url('postgres'), 'SELECT caracal.write($1::jsonb)', [JSON.stringify(requests)]);
    await migrate(url('postgres'));
    const datastore = openDatastore(url('caracal_hub'));
    try {
      expect((await datastore.listBlocks()).map(({ cidr }) => cidr)).toEqual(['10.0.0.0/26']);
      expect(await datastore.listEndpoints('10.0.0.1')).toEqual([{ node: 'n1', ...endpoint, addresses: ['10.0.0.1'] }]);
      const blocks = [{ cidr: '10.0.0.0/26', pool: 'p' }];
      expect(await datastore.write({ op: 'assert', node: 'n1', incarnation, machine: '', blocks })).toMatchObject({
        conflicts: [],
      });
      const history = await datastore.addressHistory('10.0.0.1', 9);
      expect(history.map(({ event }) => event).sort()).toEqual(['assigned', 'claimed']);
      expect((await datastore.checkIpam()).findings).toEqual([]);
    } finally {
      await datastore.close();
    }
  }
});

test('a hub that works with the version before, while it is migrated under it, misses and fails nothing', async () => {
  for (let version = schemaRange.oldest; version < schemaRange.newest; version++) {
    const url = await database(`live${version}`);
    await migrate(url('postgres'), { upTo: version });
    const hub = openDatastore(url('caracal_hub'));
    const stop = new AbortController();
    const [seen, lost]: [bigint[], string[]] = [[], []];
    const ignore = () => {};
    const following = hub.follow(
      {
        snapshotBegin: ignore,
        snapshotItems: ignore,
        snapshotEnd: ({ revision }) => seen.push(revision),
        revisions: (revisions) => seen.push(...revisions.map(({ revision }) => revision)),
        contact: ignore,
        lost: (error) => lost.push(error.message),
      },
      { signal: stop.signal },
    );
    await hub.write({ op: 'resources', put: [pool('live', '10.0.0.0/16', 26)] });
    let migrated = false;
    const claimed: string[] = [];
    const node = async (name: string, incarnation: string) => {
      for (let i = 0; i < 20 || !migrated || i < claimed.length / 4; i++) {
        const { block } = await hub.write({ op: 'claim', pool: 'live', node: name, incarnation });
        claimed.push(block?.cidr ?? 'none');
        await hub.reportStatus(name, { incarnation });
        if (claimed.length > 900) return;
      }
    };
    const nodes = [1, 2, 3].map((n) => node(`n${n}`, `00000000-0000-4000-8000-00000000000${n}`));
    await migrate(url('postgres'));
    migrated = true;
    await Promise.all(nodes);
    expect(new Set(claimed).size).toBe(claimed.length);
    expect(claimed).not.toContain('none');
    const { revision } = await hub.write({ op: 'resources', put: [pool('last', '10.1.0.0/16', 26)] });
    await expect.poll(() => seen.at(-1), { timeout: 20_000 }).toBe(revision);
    stop.abort();
    await following;
    await hub.close();
    expect(lost).toEqual([]);
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => seen[0] + BigInt(i)));
  }
});

test('a program goes on with a newer schema that says so', async () => {
  const url = await database('expanded');
  await migrate(url('postgres'));
  const next = schemaRange.newest + 1;
  await runQuery(url('postgres'), 'INSERT INTO caracal.migration (number, name, oldest_binary) VALUES ($1, $2, $3)', [
    next,
    'one that only adds',
    schemaRange.newest,
  ]);
  const datastore = openDatastore(url('caracal_hub'));
  const stop = new AbortController();
  const ignore = () => {};
  const said = await new Promise<string>((resolve) => {
    const observer = { snapshotBegin: ignore, snapshotItems: ignore, snapshotEnd: ignore, revisions: ignore };
    const contact = () => resolve('in step');
    void datastore.follow({ ...observer, contact, lost: (error) => resolve(error.message) }, { signal: stop.signal });
  });
  stop.abort();
  await datastore.close();
  expect(said).toBe('in step');
});

test('a database that is not migrated, or newer, is not followed, and the reason says what to do', async () => {
  const url = await database('versions');
  const firstLoss = async () => {
    const datastore = openDatastore(url('caracal_hub'));
    const stop = new AbortController();
    const reason = await new Promise<string>((resolve) => {
      const ignore = () => {};
      const observer = {
        snapshotBegin: ignore,
        snapshotItems: ignore,
        snapshotEnd: ignore,
        revisions: ignore,
        contact: ignore,
      };
      void datastore.follow({ ...observer, lost: (error) => resolve(error.message) }, { signal: stop.signal });
    });
    stop.abort();
    await datastore.close();
    return reason;
  };
  expect(await firstLoss()).toContain('run `hub migrate`');
  await migrate(url('postgres'));
  await runQuery(url('postgres'), `INSERT INTO caracal.migration (number, name) VALUES (999, 'from the future')`);
  expect(await firstLoss()).toContain('version 999, newer than');
});

test('the role of the hub reads, and writes through the functions alone', async () => {
  const url = await database('roles');
  await migrate(url('postgres'));
  const hub = url('caracal_hub');
  const denied = /permission denied/;
  await expect(runQuery(hub, `DELETE FROM caracal.block`)).rejects.toThrow(denied);
  await expect(runQuery(hub, `INSERT INTO caracal.revision VALUES (99, 1)`)).rejects.toThrow(denied);
  await expect(runQuery(hub, `SELECT caracal.put_resources(1, '[]')`)).rejects.toThrow(denied);
  await expect(runQuery(hub, `CREATE TABLE caracal.mine ()`)).rejects.toThrow(denied);
  expect(await runQuery(hub, `SELECT count(*)::int AS blocks FROM caracal.block`)).toEqual([{ blocks: 0 }]);
  const datastore = openDatastore(hub);
  expect((await datastore.write({ op: 'resources', put: [pool('p', '10.0.0.0/8', 26)] })).outcomes).toEqual([
    'created',
  ]);
  await datastore.close();
  const settings = await runQuery(
    hub,
    `SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement,
    current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('jit') AS jit`,
  );
  expect(settings).toEqual([{ lock: '5s', statement: '15s', idle: '10s', jit: 'off' }]);
});

test('the command waits for a database that is starting, as long as it is told to', async () => {
  const url = await database('late');
  const command = (...options: string[]) =>
    execa(
      process.execPath,
      [fileURLToPath(new URL('../../apps/hub/main.ts', import.meta.url)), 'migrate', ...options],
      {
        env: { CARACAL_DATABASE_URL: url('postgres'), NODE_NO_WARNINGS: '1' },
        all: true,
        reject: false,
      },
    );
  await postgres.stop();
  expect(await command()).toMatchObject({ exitCode: 1, all: expect.stringMatching(/ENOENT|ECONNREFUSED/) });
  const waiting = command('--wait', '60');
  await new Promise<void>((resolve) => {
    waiting.all?.on('data', (chunk) => String(chunk).includes('waiting for the database') && resolve());
    void waiting.finally(resolve);
  });
  await postgres.start();
  expect(await waiting).toMatchObject({ exitCode: 0, all: expect.stringContaining('schema migrated') });
});
