import { randomUUID } from 'node:crypto';
import type { ResourcePut } from '@caracal/datastore';
import { describe, expect, test } from 'vitest';
import { pool, useDatabase } from './support.ts';

const database = useDatabase();

const policy = (name: string, spec: object = { order: 1 }): ResourcePut => ({
  apiVersion: 'caracal.network/v1',
  kind: 'NetworkPolicy',
  namespace: 'shop',
  name,
  labels: {},
  spec,
});
const put = (...resources: ResourcePut[]) => database.datastore.write({ op: 'resources', put: resources });
const get = async (kind: string, name: string) =>
  (await database.datastore.listResources({ kinds: [kind], name })).resources[0];

describe('resources', () => {
  test('are created, configured, and left alone when nothing differs', async () => {
    const first = await put(policy('a'), policy('b'));
    expect(first.outcomes).toEqual(['created', 'created']);
    const second = await put(policy('a'), policy('b', { order: 2 }));
    expect(second.outcomes).toEqual(['unchanged', 'configured']);
    expect(second.revision).toBe(first.revision + 1n);
    const third = await put(policy('a'), policy('b', { order: 2 }));
    expect(third).toEqual({ outcomes: ['unchanged', 'unchanged'], revision: second.revision });

    const [a, b] = [await get('NetworkPolicy', 'a'), await get('NetworkPolicy', 'b')];
    expect(a).toMatchObject({ generation: 1n, revision: first.revision, spec: { order: 1 } });
    expect(b).toMatchObject({ generation: 2n, revision: second.revision, spec: { order: 2 } });
  });

  test('keep their uid, and their generation when only labels change', async () => {
    await put(policy('labelled'));
    const before = await get('NetworkPolicy', 'labelled');
    await put({ ...policy('labelled'), labels: { team: 'red' } });
    const after = await get('NetworkPolicy', 'labelled');
    expect(after).toMatchObject({ uid: before.uid, generation: 1n, labels: { team: 'red' } });
    expect(after.revision).toBeGreaterThan(before.revision);
  });

  test('are labelled by merging; null removes', async () => {
    await put({ ...policy('merge'), labels: { a: '1', b: '2' } });
    const key = { kind: 'NetworkPolicy', namespace: 'shop', name: 'merge' };
    await database.datastore.write({ op: 'resources', label: [{ ...key, labels: { b: null, c: '3' } }] });
    expect((await get('NetworkPolicy', 'merge')).labels).toEqual({ a: '1', c: '3' });
  });

  test('are deleted all or none', async () => {
    await put(policy('keep'));
    const key = { kind: 'NetworkPolicy', namespace: 'shop' };
    const answer = await database.datastore.write({
      op: 'resources',
      delete: [
        { ...key, name: 'keep' },
        { ...key, name: 'no-such' },
      ],
    });
    expect(answer.refused).toMatchObject([{ name: 'no-such', reason: 'NotFound' }]);
    expect(await get('NetworkPolicy', 'keep')).toBeDefined();
    const gone = await database.datastore.write({ op: 'resources', delete: [{ ...key, name: 'keep' }] });
    expect(gone.refused).toBeUndefined();
    expect(await get('NetworkPolicy', 'keep')).toBeUndefined();
  });

  test('are refused when what was checked has changed since', async () => {
    const { revision } = await put(policy('checked'));
    await put(pool('race', '10.90.0.0/24', 26));
    const expected = { revision, kinds: ['IPPool'] };
    const late = await database.datastore.write({ op: 'resources', put: [policy('late')], expected });
    expect(late.conflict).toBe(true);
    expect(await get('NetworkPolicy', 'late')).toBeUndefined();
    const unrelated = { revision, kinds: ['Tier'] };
    expect(
      (await database.datastore.write({ op: 'resources', put: [policy('late')], expected: unrelated })).outcomes,
    ).toEqual(['created']);
  });

  test('a request that the database cannot read takes nobody with it', async () => {
    const [bad, good] = await Promise.allSettled([
      database.datastore.write({ op: 'release', cidr: 'no cidr', node: 'n1', incarnation: 'i' }),
      put(policy('survivor')),
    ]);
    expect(bad.status).toBe('rejected');
    expect(good.status).toBe('fulfilled');
    expect(await get('NetworkPolicy', 'survivor')).toBeDefined();
  });
});

describe('reports', () => {
  const endpoint = (name: string, address: string, podUid = randomUUID()) => ({
    containerId: `c-${name}`,
    interface: 'eth0',
    podNamespace: 'shop',
    podName: name,
    podUid,
    addresses: [address],
  });
  const podOf = (e: ReturnType<typeof endpoint>, labels = {}): ResourcePut => ({
    apiVersion: 'v1',
    kind: 'Pod',
    namespace: e.podNamespace,
    name: e.podName,
    uid: e.podUid,
    labels,
    spec: { nodeName: 'n1' },
    mode: 'ifOtherUid',
  });
  const report = (
    node: string,
    full: boolean,
    endpoints: ReturnType<typeof endpoint>[],
    removed: typeof endpoints = [],
    labels = {},
  ) =>
    database.datastore.write({
      op: 'report',
      node,
      full,
      endpoints,
      removed,
      put: endpoints.map((e) => podOf(e, labels)),
      removePods: true,
    });

  test('are idempotent, and remove what a full one does not hold, of that node alone', async () => {
    const [a, b, other] = [endpoint('a', '10.1.0.1'), endpoint('b', '10.1.0.2'), endpoint('o', '10.1.0.3')];
    await report('n2', true, [other]);
    const first = await report('n1', true, [a, b]);
    expect((await report('n1', true, [a, b])).revision).toBe(first.revision);
    await report('n1', true, [b]);
    expect((await database.datastore.listEndpoints()).map((e) => `${e.node}/${e.podName}`)).toEqual(['n1/b', 'n2/o']);
    expect(await database.datastore.listEndpoints('10.1.0.2')).toEqual([{ node: 'n1', ...b }]);
    expect(await get('Pod', 'a')).toBeUndefined();
    expect(await get('Pod', 'b')).toMatchObject({ uid: b.podUid });
    await report('n1', false, [], [b]);
    expect(await get('Pod', 'b')).toBeUndefined();
  });

  test('keep labels that were set since for the same uid, and replace the pod of another uid', async () => {
    const old = endpoint('web', '10.1.0.9');
    await report('n1', false, [old], [], { app: 'web' });
    await database.datastore.write({
      op: 'resources',
      label: [{ kind: 'Pod', namespace: 'shop', name: 'web', labels: { colour: 'red' } }],
    });
    await report('n1', false, [old], [], { app: 'web' });
    expect((await get('Pod', 'web')).labels).toEqual({ app: 'web', colour: 'red' });

    // A new pod of the name starts elsewhere before the old one's removal is reported: that removal leaves the new one alone.
    const recreated = { ...endpoint('web', '10.1.0.10'), containerId: 'c-web-2' };
    await report('n2', false, [recreated], [], { app: 'web2' });
    await report('n1', false, [], [old]);
    expect(await get('Pod', 'web')).toMatchObject({ uid: recreated.podUid, labels: { app: 'web2' }, generation: 1n });
  });

  test('a pod stays as long as one of its interfaces does', async () => {
    const uid = randomUUID();
    const [eth0, eth1] = [
      endpoint('two', '10.1.0.20', uid),
      { ...endpoint('two', '10.1.0.21', uid), interface: 'eth1' },
    ];
    await report('n1', false, [eth0]);
    await report('n1', false, [eth1]);
    await report('n1', false, [], [eth0]);
    expect(await get('Pod', 'two')).toBeDefined();
    await report('n1', false, [], [eth1]);
    expect(await get('Pod', 'two')).toBeUndefined();
  });
});
