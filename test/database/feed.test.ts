import { setTimeout as sleep } from 'node:timers/promises';
import { type FeedObserver, openDatastore, type Position, type Revision, type StoredItem } from '@caracal/datastore';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { pool, useDatabase } from './support.ts';

const database = useDatabase();
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A reader that keeps what it was told, and the state that follows from it. */
interface Watcher {
  readonly state: Map<string, unknown>;
  readonly revisions: Revision[];
  position?: Position;
  snapshots: number;
  /** The revision of the last snapshot, and the newest of what it holds. */
  snapshotAt?: bigint;
  snapshotNewest?: bigint;
  losses: Error[];
  until(condition: () => boolean): Promise<void>;
}

function watch(url = database.postgres.urlFor('caracal_hub')): Watcher {
  const stop = new AbortController();
  const datastore = openDatastore(url, { connections: 1 });
  let wake = () => {};
  const watcher: Watcher = {
    state: new Map(),
    revisions: [],
    snapshots: 0,
    losses: [],
    until: async (condition) => {
      while (!condition()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
  const take = (items: readonly StoredItem[]) => {
    for (const { item, key, value } of items) {
      if (value) watcher.state.set(`${item} ${key.join('/')}`, value);
      else watcher.state.delete(`${item} ${key.join('/')}`);
    }
  };
  const observer: FeedObserver = {
    snapshotBegin: () => watcher.state.clear(),
    snapshotItems: take,
    snapshotEnd: (position) => {
      watcher.snapshots++;
      watcher.position = position;
      watcher.snapshotAt = position.revision;
      watcher.snapshotNewest = newestIn(watcher.state);
      wake();
    },
    revisions: (revisions) => {
      for (const revision of revisions) {
        // Nothing is missed, nothing comes twice, nothing out of order.
        expect(revision.revision).toBe(watcher.position!.revision + 1n);
        watcher.position = { revision: revision.revision, nonce: revision.nonce };
        watcher.revisions.push(revision);
        take(revision.items);
      }
      wake();
    },
    contact: () => wake(),
    lost: (error) => {
      watcher.losses.push(error);
      wake();
    },
  };
  const following = datastore.follow(observer, {
    signal: stop.signal,
    gatherMs: { least: 0, most: 0 },
    backoffMs: { first: 5, last: 50 },
  });
  stops.push(async () => {
    stop.abort();
    await following;
    await datastore.close();
  });
  return watcher;
}

function newestIn(state: Watcher['state']): bigint {
  let newest = 0n;
  for (const value of state.values()) {
    const { revision = 0n } = value as { revision?: bigint }; // resources have one
    if (revision > newest) newest = revision;
  }
  return newest;
}

const policy = (name: string, order: number) => ({
  apiVersion: 'caracal.network/v1',
  kind: 'NetworkPolicy',
  namespace: 'feed',
  name,
  labels: {},
  spec: { order },
});
const put = (name: string, order: number) => database.datastore.write({ op: 'resources', put: [policy(name, order)] });

describe('the feed', () => {
  test('under 12 writers with slow and failing transactions among them, and readers whose connections are cut: nothing is missed or reordered', async () => {
    const watchers = Array.from({ length: 5 }, () => watch());
    for (const watcher of watchers) await watcher.until(() => watcher.snapshots > 0);
    const fromStart = watchers[0].position!.revision;

    // Writers that hold the lock for a while, some of which give up: their numbers must be used again, never skipped.
    const slow = async (writer: number) => {
      const client = new pg.Client({ connectionString: database.postgres.url });
      await client.connect();
      for (let i = 0; i < 8; i++) {
        await client.query('BEGIN');
        const request = [{ op: 'resources', put: [policy(`slow-${writer}`, i)] }];
        await client.query(`SELECT caracal.write($1::jsonb)`, [JSON.stringify(request)]);
        await sleep(Math.random() * 20);
        await client.query(i % 3 === 2 ? 'ROLLBACK' : 'COMMIT');
      }
      await client.end();
    };
    const quick = async (writer: number) => {
      for (let i = 0; i < 40; i++) {
        if (i % 7 === 6) {
          await database.datastore.write({
            op: 'resources',
            delete: [{ kind: 'NetworkPolicy', namespace: 'feed', name: `quick-${writer}` }],
          });
        } else await put(`quick-${writer}`, i);
      }
    };
    let writing = true;
    const cutting = (async () => {
      while (writing) {
        await sleep(30);
        await database.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'caracal_hub'
             AND query NOT LIKE '%write(%' AND query ILIKE ANY (ARRAY['%revision%', 'LISTEN%']) ORDER BY random() LIMIT 1`,
        );
      }
    })();
    await Promise.all([
      ...Array.from({ length: 9 }, (_, i) => quick(i)),
      ...Array.from({ length: 3 }, (_, i) => slow(i)),
    ]);
    writing = false;
    await cutting;

    const [{ revision: head }] = await database.query<{ revision: string }>(
      'SELECT revision::text FROM caracal.feed_head',
    );
    for (const watcher of watchers) await watcher.until(() => watcher.position?.revision === BigInt(head));
    const [first] = watchers;
    expect(first.revisions).toHaveLength(Number(BigInt(head) - fromStart));
    for (const watcher of watchers) {
      expect(watcher.snapshots).toBe(1);
      expect(watcher.revisions).toEqual(first.revisions);
    }
    expect(watchers.reduce((sum, { losses }) => sum + losses.length, 0)).toBeGreaterThan(0);
    // What the changes add up to is what a new reader is given, and what is in the tables.
    const fresh = watch();
    await fresh.until(() => fresh.snapshots > 0);
    expect(Object.fromEntries(first.state)).toEqual(Object.fromEntries(fresh.state));
    const stored = (await database.datastore.listResources({ kinds: ['NetworkPolicy'] })).resources;
    expect(stored.map((resource) => first.state.get(`resource NetworkPolicy/feed/${resource.name}`))).toEqual(stored);
  }, 60_000);

  test('a snapshot is of one moment, however long it takes', async () => {
    await put('moment', 1);
    const client = new pg.Client({ connectionString: database.postgres.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query(`SELECT caracal.write($1::jsonb)`, [
      JSON.stringify([{ op: 'resources', put: [policy('moment', 2)] }]),
    ]);
    const early = watch();
    await early.until(() => early.snapshots > 0);
    expect(early.state.get('resource NetworkPolicy/feed/moment')).toMatchObject({ spec: { order: 1 } });
    await client.query('COMMIT');
    await client.end();
    await early.until(() => early.revisions.length > 0);
    expect(early.state.get('resource NetworkPolicy/feed/moment')).toMatchObject({ spec: { order: 2 } });
    expect(early.revisions).toHaveLength(1);
  });

  test('a snapshot that is taken while others write holds nothing that is newer than its revision, and lacks nothing', async () => {
    let writing = true;
    const writers = [1, 2].map(async (writer) => {
      for (let i = 0; writing; i++) {
        await put(`busy-${writer}`, i);
        await database.datastore.write({ op: 'resources', put: [policy(`busy-${writer}-${i}`, i)] });
      }
    });
    for (let i = 0; i < 25; i++) {
      const watcher = watch();
      await watcher.until(() => watcher.snapshots > 0);
      // Every revision here writes one resource, so the newest of them is that of the snapshot.
      expect(watcher.snapshotNewest).toBe(watcher.snapshotAt);
    }
    writing = false;
    await Promise.all(writers);
  });

  test('a history that the reader does not know (a failover lost commits) means a new snapshot', async () => {
    await put('lost', 1);
    const watcher = watch();
    await watcher.until(() => watcher.snapshots > 0);
    await put('lost', 2);
    await watcher.until(() => watcher.revisions.length === 1);
    // The replica that takes over never had that commit, and went on from the one before.
    await database.query(`
      BEGIN;
      DELETE FROM caracal.change WHERE revision = (SELECT revision FROM caracal.feed_head);
      UPDATE caracal.revision SET nonce = nonce # 1 WHERE revision = (SELECT revision FROM caracal.feed_head);
      UPDATE caracal.resource SET spec = '{"order": 1}' WHERE name = 'lost';
      COMMIT`);
    await watcher.until(() => watcher.snapshots === 2);
    expect(watcher.state.get('resource NetworkPolicy/feed/lost')).toMatchObject({ spec: { order: 1 } });
  });

  test('a place that was trimmed means a new snapshot; the newest revision always stays', async () => {
    const before = await put('trimmed', 1);
    await put('trimmed', 2);
    await database.datastore.trimFeed(-1);
    const rows = await database.query<{ revision: string }>('SELECT revision::text FROM caracal.revision');
    expect(rows).toEqual([{ revision: String(before.revision + 1n) }]);
    const watcher = watch();
    await watcher.until(() => watcher.snapshots > 0);
    await put('trimmed', 3);
    await watcher.until(() => watcher.revisions.length === 1);
  });

  test('carries blocks with their owner, and their release', async () => {
    await database.datastore.write({ op: 'resources', put: [pool('feed', '10.20.0.0/24', 26)] });
    const watcher = watch();
    await watcher.until(() => watcher.snapshots > 0);
    await database.datastore.write({ op: 'claim', pool: 'feed', node: 'n1', incarnation: 'i' });
    await database.datastore.write({ op: 'release', cidr: '10.20.0.0/26', node: 'n1', incarnation: 'i' });
    await watcher.until(() => watcher.revisions.length === 2);
    expect(watcher.revisions.flatMap(({ items }) => items)).toEqual([
      {
        item: 'block',
        key: ['10.20.0.0/26'],
        value: { cidr: '10.20.0.0/26', pool: 'feed', node: 'n1', incarnation: 'i' },
      },
      { item: 'block', key: ['10.20.0.0/26'], value: undefined },
    ]);
  });

  test('goes on after Postgres was killed, without a snapshot', async () => {
    const watcher = watch();
    await watcher.until(() => watcher.snapshots > 0);
    const start = watcher.position!.revision;
    await put('before-kill', 1);
    await database.postgres.kill();
    await watcher.until(() => watcher.losses.length > 0);
    await database.postgres.start();
    const { revision } = await put('after-kill', 1);
    await watcher.until(() => watcher.position?.revision === revision);
    expect(revision).toBe(start + 2n);
    expect(watcher.snapshots).toBe(1);
  }, 60_000);
});
