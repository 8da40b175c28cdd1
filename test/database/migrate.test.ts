import { type MigrationReport, migrate, openDatastore, schemaRange } from '@caracal/datastore';
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
    current_setting('idle_in_transaction_session_timeout') AS idle`,
  );
  expect(settings).toEqual([{ lock: '5s', statement: '15s', idle: '10s' }]);
});
