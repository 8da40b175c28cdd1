// At full size (5,000 nodes, 250,000 addresses) no query that is asked all the time walks a table.
import { migrate, openDatastore } from '@caracal/datastore';
import { beforeAll, expect, test } from 'vitest';
import { startPostgres } from '../support/postgres.ts';
import { pool, runQuery, useDatabase } from './support.ts';

const database = useDatabase();

beforeAll(async () => {
  await database.datastore.write({ op: 'resources', put: [pool('default', '10.0.0.0/8', 26)] });
  await database.query('ALTER TABLE caracal.endpoint DISABLE TRIGGER USER');
  await database.query(`INSERT INTO caracal.block (cidr, pool, node, incarnation, revision)
    SELECT set_masklen(('10.0.0.0'::inet + n * 64)::cidr, 26), 'default', 'node-' || n, 'i', 1 FROM generate_series(0, 4999) n`);
  await database.query(`INSERT INTO caracal.endpoint (node, container_id, interface, pod_namespace, pod_name, pod_uid, addresses, revision)
    SELECT 'node-' || n, 'c' || p, 'eth0', 'ns', 'pod-' || n || '-' || p, 'uid-' || n || '-' || p, ARRAY['10.0.0.0'::inet + n * 64 + p], 1
    FROM generate_series(0, 4999) n, generate_series(0, 49) p`);
  await database.query(`INSERT INTO caracal.address_event (revision, address, event, node, container_id, interface, pod_namespace, pod_name, pod_uid)
    SELECT 1, addresses[1], 'assigned', node, container_id, interface, pod_namespace, pod_name, pod_uid FROM caracal.endpoint`);
  await database.query(`INSERT INTO caracal.node (node, incarnation, machine, epoch, asserted)
    SELECT 'node-' || n, 'i', '', 1, 1 FROM generate_series(0, 4999) n`);
  await database.query('ANALYZE');
}, 240_000);

const hot: Readonly<Record<string, string>> = {
  'the next free block': `SELECT b.* FROM caracal.block b WHERE b.cidr && '10.4.0.0/26'::cidr ORDER BY b.cidr DESC LIMIT 1`,
  'the block of an address': `SELECT b.* FROM caracal.block b WHERE b.cidr >>= '10.4.0.7'::inet`,
  'the blocks of a node': `SELECT count(*) FROM caracal.block b WHERE b.node = 'node-7'`,
  'who has an address': `SELECT e.node FROM caracal.endpoint e WHERE e.addresses @> ARRAY['10.4.0.7'::inet]`,
  'the endpoints of a node': `SELECT * FROM caracal.endpoint e WHERE e.node = 'node-7'`,
  'the endpoints of a pod': `SELECT * FROM caracal.endpoint e WHERE e.pod_uid = 'uid-7-7'`,
  'the incarnation of a node': `SELECT * FROM caracal.node n WHERE n.node = 'node-7'`,
  'the history of an address': `SELECT * FROM caracal.address_event WHERE address = '10.4.0.7'::inet ORDER BY revision DESC, at DESC LIMIT 100`,
  'a page of the snapshot': `SELECT * FROM caracal.endpoint WHERE (node, container_id, interface) > ('node-3', 'c', 'eth0')
    ORDER BY node, container_id, interface LIMIT 5000`,
  'the changes after a revision': `SELECT r.revision, c.item FROM caracal.revision r LEFT JOIN caracal.change c
    ON c.revision = r.revision AND c.revision > 2 WHERE r.revision >= 2 AND r.revision <= 1002 ORDER BY r.revision, c.ordinal`,
};

test.each(Object.entries(hot))('%s', async (_name, query) => {
  const plan = await database.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${query}`);
  const text = plan.map((row) => row['QUERY PLAN']).join('\n');
  // Tables that are small whatever the cluster's size may be walked: their plan says so by its few rows.
  expect(text).not.toMatch(/Seq Scan on (block|endpoint|node|address_event\w*)\b/);
});

test('a session whose plans are from when the tables were empty claims at the same cost as others', async () => {
  const postgres = await startPostgres();
  try {
    await migrate(postgres.url);
    const datastore = openDatastore(postgres.urlFor('caracal_hub'), { connections: 1 });
    await datastore.write({ op: 'resources', put: [pool('default', '10.0.0.0/8', 26)] });
    const claims = 400;
    const held: string[] = [];
    for (let i = 0; i < claims; i++) {
      const { block } = await datastore.write({
        op: 'claim',
        pool: 'default',
        node: `n${i}`,
        incarnation: 'i',
        held: [],
      });
      held.push(block?.cidr ?? 'none');
    }
    const blocks = held.map((cidr) => ({ cidr, pool: 'default' }));
    await datastore.write({ op: 'assert', node: 'n', incarnation: 'i', machine: 'm', blocks });
    await datastore.close(); // and with the session its counters are told
    const [{ read }] = await runQuery<{ read: number }>(
      postgres.url,
      `SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'block')::integer
            + (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'block')::integer AS read`,
    );
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(10 * claims);
  } finally {
    await postgres.destroy();
  }
}, 60_000);
