// Who owns what: incarnations, fencing, a database that lost something, reports that cannot be true, and the history of it all.
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { setDatabaseClockBack } from '../support/ipam/saved-database.ts';
import { pool, useDatabase } from './support.ts';

const database = useDatabase();
const write = (request: Parameters<typeof database.datastore.write>[0]) => database.datastore.write(request);
const apply = (...pools: ReturnType<typeof pool>[]) => database.datastore.write({ op: 'resources', put: pools });
const newest = async () => {
  const [row] = await database.query<{ revision: string; nonce: string }>(
    'SELECT revision::text, nonce::text FROM caracal.feed_head JOIN caracal.revision USING (revision)',
  );
  return { revision: BigInt(row.revision), nonce: BigInt(row.nonce) };
};
const claim = (name: string, node: string, incarnation: string, more: { address?: string; held?: string[] } = {}) =>
  database.datastore.write({ op: 'claim', pool: name, node, incarnation, ...more });
const assert = (
  node: string,
  incarnation: string,
  blocks: string[],
  more: { machine?: string; seen?: { revision: bigint; nonce: bigint } } = {},
) =>
  database.datastore.write({
    op: 'assert',
    node,
    incarnation,
    machine: more.machine ?? '',
    blocks: blocks.map((cidr) => ({ cidr, pool: 'any' })),
    seen: more.seen,
  });
const report = (node: string, endpoints: Record<string, string[]>, incarnation?: string, full = true) =>
  database.datastore.write({
    op: 'report',
    node,
    incarnation,
    full,
    removed: [],
    endpoints: Object.entries(endpoints).map(([containerId, addresses]) => ({
      containerId,
      interface: 'eth0',
      podNamespace: 'shop',
      podName: containerId,
      podUid: `uid-${containerId}`,
      addresses,
    })),
  });
const alive = (node: string, incarnation: string) => database.datastore.reportStatus(node, { incarnation });
const events = async (cidr: string) =>
  (await database.datastore.addressHistory(cidr, 50)).map(({ event, node }) => `${event} ${node}`).reverse();

describe('a claim', () => {
  test('of an address grants its block, and says whose it is', async () => {
    const [a, b] = [randomUUID(), randomUUID()];
    await apply(pool('asked', '10.20.0.0/24', 26));
    expect((await claim('asked', 'a1', a, { address: '10.20.0.200' })).block?.cidr).toBe('10.20.0.192/26');
    expect((await claim('asked', 'a1', a, { address: '10.20.0.201' })).block?.cidr).toBe('10.20.0.192/26');
    expect(await claim('asked', 'b1', b, { address: '10.20.0.201' })).toMatchObject({
      taken: { cidr: '10.20.0.192/26', node: 'a1' },
    });
    expect(await claim('asked', 'b1', b, { address: '10.21.0.1' })).toMatchObject({ unknownPool: true });
    expect((await claim('asked', 'b1', b)).block?.cidr).toBe('10.20.0.0/26');
  });

  test('stops at the limit of the node, its own before that of all', async () => {
    await apply(pool('limited', '10.22.0.0/24', 28));
    const limit = (name: string, maxBlocks: number) => ({
      ...pool(name, '', 0),
      kind: 'NodeConfiguration',
      spec: { bgp: {}, ipam: { maxBlocks } },
    });
    await write({ op: 'resources', put: [limit('default', 2), limit('big', 3)] });
    const granted = async (node: string) => {
      const own = randomUUID();
      for (let blocks = 0; ; blocks++) if (!(await claim('limited', node, own)).block) return blocks;
    };
    expect(await granted('small')).toBe(2);
    expect(await granted('big')).toBe(3);
    const keys = ['default', 'big'].map((name) => ({ kind: 'NodeConfiguration', namespace: '', name }));
    await write({ op: 'resources', delete: keys });
  });
});

describe('what a node says that it owns', () => {
  test('is stored again when the database lacks it, and what the journal lacks is released', async () => {
    const own = randomUUID();
    await apply(pool('said', '10.23.0.0/24', 26));
    const first = (await claim('said', 'n1', own)).block!.cidr;
    const second = (await claim('said', 'n1', own)).block!.cidr;
    await database.query('DELETE FROM caracal.block WHERE cidr = $1', [first]);
    const answer = await assert('n1', own, [first], { seen: await newest() });
    expect(answer.blocks).toEqual([{ cidr: first, pool: 'said', node: 'n1', incarnation: own }]);
    expect(await events('10.23.0.1')).toEqual(['claimed n1', 'reasserted n1']);
    expect(await events('10.23.0.65')).toEqual(['claimed n1', 'released n1']);
    expect((await claim('said', 'n2', randomUUID())).block?.cidr).toBe(second);
  });

  test('does not release what was granted after it was said, nor what has pods', async () => {
    const own = randomUUID();
    await apply(pool('late', '10.24.0.0/24', 26));
    const used = (await claim('late', 'n1b', own)).block!.cidr;
    await report('n1b', { old: ['10.24.0.1'] });
    const before = await newest();
    const granted = (await claim('late', 'n1b', own)).block!.cidr;
    expect((await assert('n1b', own, [], { seen: before })).blocks?.map(({ cidr }) => cidr)).toEqual([used, granted]);
    expect((await assert('n1b', own, [], { seen: await newest() })).blocks?.map(({ cidr }) => cidr)).toEqual([used]);
    await report('n1b', {});
    expect((await assert('n1b', own, [], { seen: await newest() })).blocks).toEqual([]);
  });

  test('does not take what another node has', async () => {
    const [a, b] = [randomUUID(), randomUUID()];
    await apply(pool('both', '10.25.0.0/24', 26));
    const { cidr } = (await claim('both', 'n3', a)).block!;
    expect(await assert('n4', b, [cidr])).toMatchObject({ conflicts: [{ held: cidr, node: 'n3' }], blocks: [] });
  });
});

describe('two incarnations of one name', () => {
  test('the newer is refused while the other is alive; later it takes its place, and not its blocks', async () => {
    const [old, young] = [randomUUID(), randomUUID()];
    await apply(pool('twin', '10.26.0.0/24', 26));
    const { cidr } = (await claim('twin', 't1', old)).block!;
    await assert('t1', old, [cidr]);
    await alive('t1', old);
    expect(await assert('t1', young, [])).toMatchObject({ otherAlive: old });
    expect(await claim('twin', 't1', young)).toMatchObject({ refused: expect.stringContaining(old) });
    await database.query(`UPDATE caracal.node_status SET reported_at = now() - interval '1 hour' WHERE node = 't1'`);
    expect(await assert('t1', young, [])).toMatchObject({ stranded: [{ cidr, incarnation: old }], blocks: [] });
    // The old one comes back: it owns nothing any more, and nobody believes it.
    expect(await assert('t1', old, [cidr])).toMatchObject({ fenced: expect.stringContaining(young) });
    expect(await claim('twin', 't1', old)).toMatchObject({ refused: expect.any(String) });
    expect(await report('t1', { late: ['10.26.0.1'] }, old)).toMatchObject({ fenced: expect.any(String) });
    const check = await database.datastore.checkIpam();
    expect(check.findings.filter(({ message }) => message.includes(cidr)).map(({ kind }) => kind)).toEqual([
      'StrandedBlock',
    ]);
    expect(await write({ op: 'reclaim', node: 't1', formerOnly: true })).toMatchObject({ released: [cidr] });
    expect((await claim('twin', 't1', young)).block?.cidr).toBe(cidr);
    expect(await events('10.26.0.1')).toEqual(['claimed t1', 'reclaimed t1', 'claimed t1']);
  });

  test('of which one has left in order: the next is believed at once', async () => {
    const [old, young] = [randomUUID(), randomUUID()];
    await apply(pool('again', '10.39.0.0/24', 26));
    const { cidr } = (await claim('again', 'l1', old)).block!;
    await assert('l1', old, [cidr]);
    await alive('l1', old);
    await write({ op: 'release', cidr, node: 'l1', incarnation: old });
    await database.datastore.reportStatus('l1', {});
    expect(await assert('l1', young, [])).toMatchObject({ stranded: [], blocks: [] });
    expect((await claim('again', 'l1', young)).block?.cidr).toBe(cidr);
  });

  test('of one machine: it was made anew, so what its former system owned is free at once', async () => {
    const [old, young] = [randomUUID(), randomUUID()];
    await apply(pool('reimaged', '10.27.0.0/24', 26));
    const { cidr } = (await claim('reimaged', 'r1', old)).block!;
    await assert('r1', old, [cidr], { machine: 'uuid-7' });
    await alive('r1', old);
    expect(await assert('r1', young, [], { machine: 'uuid-7' })).toMatchObject({ stranded: [], blocks: [] });
    expect((await claim('reimaged', 'r2', randomUUID())).block?.cidr).toBe(cidr);
  });

  test('a node that was declared to be off owns nothing when it comes back', async () => {
    const own = randomUUID();
    await apply(pool('off', '10.28.0.0/24', 26));
    const { cidr } = (await claim('off', 'o1', own)).block!;
    await assert('o1', own, [cidr]);
    await report('o1', { c: ['10.28.0.1'] });
    expect(await write({ op: 'reclaim', node: 'o1' })).toMatchObject({ released: [cidr], endpoints: 1 });
    expect(await assert('o1', own, [cidr])).toMatchObject({ fenced: expect.stringContaining('declared to be off') });
    expect(await claim('off', 'o1', own)).toMatchObject({ refused: expect.any(String) });
    expect(await events('10.28.0.1')).toEqual(['claimed o1', 'assigned o1', 'reclaimed o1', 'released o1']);
    // Made anew, it is a node like any other.
    const young = randomUUID();
    expect(await assert('o1', young, [])).toMatchObject({ blocks: [] });
    expect((await claim('off', 'o1', young)).block?.cidr).toBe(cidr);
  });
});

describe('a database that lost something', () => {
  test('grants nothing until every node has said what it owns; an operator can declare one off, or resume', async () => {
    const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
    await apply(pool('lost', '10.29.0.0/24', 26));
    await database.query(`DELETE FROM caracal.node`);
    await database.query(`UPDATE caracal.history SET hold = '0'`);
    const one = (await claim('lost', 'l1', a)).block!.cidr;
    const two = (await claim('lost', 'l2', b)).block!.cidr;
    await assert('l1', a, [one]);
    await assert('l2', b, [two]);
    await assert('l3', c, []);
    // What l1 has seen is not in this history: the row of its block is gone with it.
    await database.query('DELETE FROM caracal.block WHERE cidr = $1', [one]);
    const lost = { revision: (await newest()).revision + 5n, nonce: 7n };
    expect(await assert('l2', b, [two], { seen: lost })).toMatchObject({ blocks: [{ cidr: two }] });
    expect(await claim('lost', 'l2', b)).toMatchObject({ refused: expect.stringContaining('2 are missing: l1, l3') });
    expect(await database.datastore.durability()).toMatchObject({ reasserting: { missing: ['l1', 'l3'] } });
    await assert('l1', a, [one]);
    await write({ op: 'reclaim', node: 'l3' });
    expect((await claim('lost', 'l2', b)).block?.cidr).toBe('10.29.0.128/26');
    expect(await database.datastore.durability()).toMatchObject({ reasserting: undefined });

    await database.query(`UPDATE caracal.history SET identity = 'another machine'`);
    // What the session says of the database does not count.
    const request = JSON.stringify([{ op: 'claim', pool: 'lost', node: 'l2', incarnation: b }]);
    const [said] = await database.query(
      `SELECT set_config('caracal.identity', 'another machine', true), caracal.write('${request}'::jsonb) AS answers`,
    );
    expect(said.answers).toMatchObject([{ refused: expect.stringContaining('another machine') }]);
    expect(await claim('lost', 'l2', b)).toMatchObject({ refused: expect.stringContaining('another machine') });
    expect(await write({ op: 'endReassertion' })).toMatchObject({ nodes: ['l1', 'l2'] });
    expect((await claim('lost', 'l2', b)).block?.cidr).toBe('10.29.0.192/26');

    // A revision of that number there is, but it is another one.
    const { revision, nonce } = await newest();
    await assert('l1', a, [one], { seen: { revision, nonce } });
    expect(await database.datastore.durability()).toMatchObject({ reasserting: undefined });
    await assert('l1', a, [one], { seen: { revision, nonce: nonce ^ 1n } });
    expect(await database.datastore.durability()).toMatchObject({ reasserting: { missing: ['l2'] } });
    await write({ op: 'endReassertion' });
  });

  test('says that claims are not durable without a synchronous standby', async () => {
    expect((await database.datastore.durability()).notDurable).toContain('no synchronous standby');
  });
});

describe('a report that cannot be true', () => {
  test('is in quarantine until it is: an address of another node’s block, or that another has', async () => {
    const [a, b] = [randomUUID(), randomUUID()];
    await apply(pool('truth', '10.30.0.0/24', 26));
    await claim('truth', 'q1', a);
    await claim('truth', 'q2', b);
    expect(await report('q1', { x: ['10.30.0.1'], y: ['192.0.2.50'] })).toMatchObject({ quarantined: 0 });
    expect(await report('q2', { z: ['10.30.0.1'], w: ['10.30.0.65'], v: ['192.0.2.50'] })).toMatchObject({
      quarantined: 2,
    });
    const held = await database.datastore.listEndpoints('10.30.0.1');
    expect(held.map(({ node }) => node)).toEqual(['q1']);
    const { findings } = await database.datastore.checkIpam();
    expect(findings.filter(({ kind }) => kind === 'Quarantined').map(({ message }) => message)).toEqual([
      expect.stringMatching(/q2 .* v .*192\.0\.2\.50 is held by shop\/y on node q1/),
      expect.stringMatching(/q2 .* z .*10\.30\.0\.1 lies in block 10\.30\.0\.0\/26, which node q1 owns/),
    ]);
    await report('q1', {});
    expect(await report('q2', { w: ['10.30.0.65'], v: ['192.0.2.50'] })).toMatchObject({ quarantined: 0 });
    expect((await database.datastore.checkIpam()).findings.filter(({ kind }) => kind === 'Quarantined')).toEqual([]);
  });

  test('the owner of the block is right against who came before', async () => {
    const own = randomUUID();
    await apply(pool('first', '10.31.0.0/24', 26));
    await report('q3', { early: ['10.31.0.1'] });
    await claim('first', 'q4', own);
    await report('q4', { right: ['10.31.0.1'] });
    expect((await database.datastore.listEndpoints('10.31.0.1')).map(({ node }) => node)).toEqual(['q4']);
    expect(await events('10.31.0.1')).toEqual(['assigned q3', 'claimed q4', 'released q3', 'assigned q4']);
    await report('q3', {});
  });
});

test('an address is asked back from its node, which may refuse', async () => {
  await report('k1', { leak: ['192.0.2.77'] });
  const ask = (again = false) => write({ op: 'askBack', address: '192.0.2.77', again });
  expect(await ask()).toMatchObject({ state: 'asked', node: 'k1' });
  expect(await alive('k1', 'i')).toEqual(['192.0.2.77']);
  const refusals = [{ address: '192.0.2.77', reason: 'interface carax uses it' }];
  await write({ op: 'report', node: 'k1', full: false, endpoints: [], removed: [], refusals });
  expect(await ask()).toMatchObject({ state: 'refused', reason: 'interface carax uses it' });
  expect(await alive('k1', 'i')).toEqual([]);
  expect(await ask(true)).toMatchObject({ state: 'asked' });
  await report('k1', {});
  expect(await ask()).toMatchObject({ state: 'free' });
});

test('a pool that is split gives its blocks to its parts', async () => {
  const own = randomUUID();
  await apply(pool('whole', '10.32.0.0/24', 26));
  const blocks = [
    (await claim('whole', 's1', own)).block!.cidr,
    (await claim('whole', 's1', own)).block!.cidr,
    (await claim('whole', 's1', own)).block!.cidr,
  ];
  const parts = [pool('low', '10.32.0.0/25', 26), pool('high', '10.32.0.128/25', 26)];
  expect(await write({ op: 'split', pool: 'whole', parts: [parts[0]] })).toMatchObject({
    outside: [{ cidr: '10.32.0.128/26' }],
  });
  expect(await write({ op: 'split', pool: 'whole', parts })).toMatchObject({ moved: 3 });
  const stored = (await database.datastore.listBlocks()).filter(({ node }) => node === 's1');
  expect(stored.map((block) => `${block.cidr} ${block.pool}`)).toEqual([
    `${blocks[0]} low`,
    `${blocks[1]} low`,
    `${blocks[2]} high`,
  ]);
  expect((await claim('high', 's1', own)).block?.cidr).toBe('10.32.0.192/26');
  expect(await claim('whole', 's1', own)).toMatchObject({ unknownPool: true });
});

test('history is kept by day, and no longer than it should', async () => {
  await database.query(
    `INSERT INTO caracal.address_event (at, revision, address, event, node, container_id, interface, pod_namespace, pod_name, pod_uid)
     SELECT clock_timestamp() - make_interval(days => d), 1, '192.0.2.200', 'assigned', 'h' || d, 'c', 'eth0', '', '', ''
     FROM generate_series(0, 40, 10) d`,
  );
  await database.datastore.keepHistory(25);
  await database.datastore.keepHistory(25);
  expect(await events('192.0.2.200')).toEqual(['assigned h20', 'assigned h10', 'assigned h0']);
  const partitions = await database.query<{ name: string; rows: string }>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'caracal.address_event'::regclass ORDER BY 1`,
  );
  expect(partitions).toHaveLength(5); // today, three days ahead, and the rest
  const inRest = await database.query<{ count: string }>(
    `SELECT count(*) FROM ONLY caracal.address_event_rest WHERE at >= date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'`,
  );
  expect(inRest).toEqual([{ count: '0' }]);
  await report('h0', { today: ['192.0.2.200'] });
  expect(await events('192.0.2.200')).toContain('assigned h0');
  // A day that has passed goes as a whole.
  await database.query(`CREATE TABLE caracal.address_event_20200101 PARTITION OF caracal.address_event
    FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')`);
  await database.query(`ALTER TABLE caracal.address_event_20200101 OWNER TO caracal_owner`);
  await database.datastore.keepHistory(25);
  expect(await database.query(`SELECT to_regclass('caracal.address_event_20200101') AS gone`)).toEqual([
    { gone: null },
  ]);
});

describe('the clock of the database is set back an hour', () => {
  test('a machine that died is alive for as long as with any clock, and no longer', async () => {
    const [former, next] = [randomUUID(), randomUUID()];
    await assert('clock1', former, []);
    await alive('clock1', former);
    await setDatabaseClockBack(database.query);
    expect(await assert('clock1', next, [])).toMatchObject({ otherAlive: former });
    await database.query(`UPDATE caracal.node_status SET reported_at = reported_at - interval '46 seconds'`);
    expect(await assert('clock1', next, [])).toMatchObject({ conflicts: [] });
  });

  test('history is in the order in which it happened', async () => {
    const own = randomUUID();
    await apply(pool('clock', '10.230.0.0/24', 26));
    await assert('clock2', own, []);
    expect(await claim('clock', 'clock2', own)).toMatchObject({ block: { cidr: '10.230.0.0/26' } });
    await report('clock2', { first: ['10.230.0.1'] }, own);
    await setDatabaseClockBack(database.query);
    await report('clock2', {}, own);
    const [last] = await database.datastore.addressHistory('10.230.0.1', 1);
    expect(last).toMatchObject({ event: 'released', containerId: 'first' });
    expect(await events('10.230.0.1')).toEqual(['claimed clock2', 'assigned clock2', 'released clock2']);
  });

  test('nodes are waited for no longer after a failover than with any clock', async () => {
    const own = randomUUID();
    await assert('clock3', own, []);
    await database.query(
      `UPDATE caracal.history SET number = number + 1, ended = false, reason = 'a test', began_at = clock_timestamp()`,
    );
    await setDatabaseClockBack(database.query);
    expect(await claim('clock', 'clock3', own)).toMatchObject({
      refused: expect.stringContaining('no block is granted'),
    });
    const [{ ahead }] = await database.query<{ ahead: boolean }>(
      'SELECT began_at > clock_timestamp() AS ahead FROM caracal.history',
    );
    expect(ahead).toBe(false);
    await database.query('UPDATE caracal.history SET ended = true');
  });
});
