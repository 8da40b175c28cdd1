import { migrate, openDatastore, unavailableReason } from '@caracal/datastore';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postgres, startPostgres } from '../support/postgres.ts';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
  await migrate(postgres.url);
});
afterAll(() => postgres?.destroy());

test('a server that dies while connections are in use fails what was asked, and nothing more', async () => {
  const datastore = openDatastore(postgres.urlFor('caracal_hub'));
  const blocker = new pg.Client({ connectionString: postgres.url });
  blocker.on('error', () => {});
  await blocker.connect();
  await blocker.query('BEGIN; LOCK TABLE caracal.block IN ACCESS EXCLUSIVE MODE');
  try {
    // One in a query, one between the queries of a transaction, two that wait.
    const asked = [datastore.listBlocks(), datastore.checkIpam(), datastore.blockOwners(), datastore.poolUsage()];
    const outcomes = Promise.allSettled(asked);
    const waiting = async () => {
      // Within a transaction the view is read once.
      await blocker.query('SELECT pg_stat_clear_snapshot()');
      const { rows } = await blocker.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
      return rows.length;
    };
    await expect.poll(waiting, { timeout: 30_000 }).toBe(asked.length);
    await postgres.kill();
    for (const outcome of await outcomes) {
      expect(outcome.status).toBe('rejected');
      expect(unavailableReason((outcome as PromiseRejectedResult).reason)).toBeDefined();
    }
    await postgres.start();
    expect(await datastore.listBlocks()).toEqual([]);
  } finally {
    await blocker.end().catch(() => {});
    await datastore.close();
  }
});
