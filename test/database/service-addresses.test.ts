// Addresses of Services: what is given out, what is refused, and by whom it may be asked for.
import { beforeAll, expect, test } from 'vitest';
import { pool, useDatabase } from './support.ts';

const database = useDatabase();
let epoch = 0n;
const take = async (leader: string) => {
  const taken = await database.datastore.takeEpoch('cluster', leader);
  epoch = 'epoch' in taken ? taken.epoch : 0n;
};
const balanced = { allowedUses: ['LoadBalancer'] };
beforeAll(async () => {
  await take('first');
  await database.datastore.write({
    op: 'resources',
    put: [
      pool('public', '203.0.113.0/28', 28, balanced),
      pool('public6', '2001:db8::/124', 124, balanced),
      pool('off', '198.51.100.0/28', 28, { ...balanced, disabled: true }),
      pool('pods', '10.0.0.0/24', 26, { allowedUses: ['Workload'] }),
      pool('both', '10.1.0.0/24', 26, { allowedUses: ['Workload', 'LoadBalancer'] }),
      {
        ...pool('kept', '', 0),
        kind: 'IPReservation',
        spec: { reservedCIDRs: ['203.0.113.8/31'] },
      },
    ],
  });
});

/** What the answer to a request for `web` of the namespace `shop` says, without the revision. */
async function give(uid: string, addresses: readonly (readonly [address: string, pool: string])[], by = epoch) {
  const { revision: _, ...answer } = await database.datastore.write({
    op: 'service',
    epoch: by,
    namespace: 'shop',
    name: uid,
    uid,
    addresses: addresses.map(([address, from]) => ({ address, pool: from })),
  });
  return answer;
}
const held = async () =>
  (await database.datastore.listServiceAddresses()).map(({ address, pool: of, uid }) => `${address} ${of} ${uid}`);

test('a service has what was asked for, all of it or none, and asking again changes nothing', async () => {
  const asked = [
    ['203.0.113.0', 'public'],
    ['2001:db8::1', 'public6'],
  ] as const;
  expect(await give('web', asked)).toEqual({ assigned: ['203.0.113.0', '2001:db8::1'], released: [] });
  expect(await give('web', asked)).toEqual({ assigned: [], released: [] });
  expect(
    await give('mail', [
      ['203.0.113.1', 'public'],
      ['2001:db8::1', 'public6'],
    ]),
  ).toEqual({ refused: { address: '2001:db8::1', reason: 'Taken', by: 'Service shop/web' } });
  expect(await held()).toEqual(['203.0.113.0 public web', '2001:db8::1 public6 web']);
  expect(await database.datastore.poolUsage()).toEqual([
    { pool: 'public', blocks: 0, addresses: 1 },
    { pool: 'public6', blocks: 0, addresses: 1 },
  ]);
});

test.each([
  ['203.0.113.0', 'public', { reason: 'Taken', by: 'Service shop/web' }],
  ['203.0.113.9', 'public', { reason: 'Reserved', by: 'kept' }],
  ['203.0.113.16', 'public', { reason: 'NotInPool' }],
  ['198.51.100.1', 'off', { reason: 'NotInPool' }],
  ['10.0.0.1', 'pods', { reason: 'NotInPool' }],
  ['10.1.0.1', 'both', { reason: 'NotInPool' }],
  ['192.0.2.1', 'none', { reason: 'NotInPool' }],
])('%s of %s is refused', async (address, from, refusal) => {
  expect(await give('other', [[address, from]])).toEqual({ refused: { address, ...refusal } });
});

test('the history tells who had an address, and it is free when it is released', async () => {
  expect(await give('web', [['203.0.113.2', 'public']])).toEqual({
    assigned: ['203.0.113.2'],
    released: ['203.0.113.0', '2001:db8::1'],
  });
  expect(await give('next', [['203.0.113.0', 'public']])).toMatchObject({ assigned: ['203.0.113.0'] });
  const events = await database.datastore.addressHistory('203.0.113.0', 9);
  expect(events.map(({ event, containerId, podUid }) => [event, containerId, podUid])).toEqual([
    ['assigned', 'service/shop/next', 'next'],
    ['released', 'service/shop/web', 'web'],
    ['assigned', 'service/shop/web', 'web'],
  ]);
});

test('a pool whose addresses are in use stays, with its range and its use', async () => {
  const changes = { cidr: '203.0.113.0/31', allowedUses: ['Workload'] };
  const change = (more: object) =>
    database.datastore.write({ op: 'resources', put: [pool('public', '203.0.113.0/28', 28, more)] });
  const used = [
    { address: '203.0.113.0', service: 'shop/next' },
    { address: '203.0.113.2', service: 'shop/web' },
  ];
  const remove = { op: 'resources', delete: [{ kind: 'IPPool', namespace: '', name: 'public' }] } as const;
  expect((await database.datastore.write(remove)).refused).toMatchObject([
    { reason: 'AddressesInUse', addresses: used },
  ]);
  expect((await change({ ...balanced, cidr: changes.cidr })).refused).toMatchObject([
    { reason: 'AddressesOutside', addresses: used.slice(1) },
  ]);
  expect((await change(changes)).refused?.map(({ reason }) => reason)).toContain('UseInUse');
  expect((await change({ ...balanced, disabled: true })).outcomes).toEqual(['configured']);
  // What it has stays with it; what it has not is not given any more.
  expect(await give('web', [['203.0.113.2', 'public']])).toEqual({ assigned: [], released: [] });
  expect(await give('late', [['203.0.113.3', 'public']])).toMatchObject({ refused: { reason: 'NotInPool' } });
  await change(balanced);
});

test('no node gets a block of a pool for services, and a pool of blocks becomes none', async () => {
  const claim = { op: 'claim', node: 'n1', incarnation: 'i' } as const;
  expect(await database.datastore.write({ ...claim, pool: 'public' })).toMatchObject({ disabledPool: true });
  expect(await database.datastore.write({ ...claim, pool: 'pods' })).toMatchObject({ block: { cidr: '10.0.0.0/26' } });
  expect(await database.datastore.write({ ...claim, pool: 'both' })).toMatchObject({ block: { cidr: '10.1.0.0/26' } });
  const { refused } = await database.datastore.write({
    op: 'resources',
    put: [pool('pods', '10.0.0.0/24', 26, balanced)],
  });
  expect(refused).toMatchObject([{ reason: 'UseInUse', blocks: [{ cidr: '10.0.0.0/26', node: 'n1' }] }]);
});

test('what a node holds by its journal is not given to a service', async () => {
  const blocks = [{ cidr: '203.0.113.12/30', pool: 'public' }];
  await database.datastore.write({ op: 'assert', node: 'n2', incarnation: 'j', machine: '', blocks });
  expect(await give('late', [['203.0.113.13', 'public']])).toEqual({
    refused: { address: '203.0.113.13', reason: 'Taken', by: 'node n2, whose block 203.0.113.12/30 it lies in' },
  });
  await database.datastore.write({ op: 'release', cidr: '203.0.113.12/30', node: 'n2', incarnation: 'j' });
});

test('addresses go with the part of their pool', async () => {
  const parts = [pool('public-0', '203.0.113.0/31', 31, balanced), pool('public-1', '203.0.113.2/31', 31, balanced)];
  await database.datastore.write({ op: 'split', pool: 'public', parts });
  expect(await held()).toEqual(['203.0.113.0 public-0 next', '203.0.113.2 public-1 web']);
});

test('a term that is over gives and takes nothing, nor does who has none', async () => {
  const before = await held();
  const former = epoch;
  await take('second');
  expect(await give('web', [], former)).toEqual({ fenced: true });
  const bare = { op: 'service', namespace: 'shop', name: 'web', uid: 'web', addresses: [] };
  const [{ write }] = await database.query<{ write: object[] }>('SELECT caracal.write($1::jsonb)', [
    JSON.stringify([bare]),
  ]);
  expect(write).toMatchObject([{ fenced: true }]);
  expect(await held()).toEqual(before);
  expect(await give('web', [])).toEqual({ assigned: [], released: ['203.0.113.2'] });
});

test('who reads the table cannot write it', async () => {
  const [{ reads, writes }] = await database.query<{ reads: boolean; writes: boolean }>(`SELECT
    has_table_privilege('caracal_hub', 'caracal.service_address', 'SELECT') AS reads,
    has_table_privilege('caracal_hub', 'caracal.service_address', 'INSERT, UPDATE, DELETE') AS writes`);
  expect([reads, writes]).toEqual([true, false]);
  const own = await database.query<{
    name: string;
  }>(`SELECT p.proname AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'caracal' AND p.proname ~ 'service|refusals|write_' AND has_function_privilege('caracal_hub', p.oid, 'EXECUTE')`);
  expect(own).toEqual([]);
});

test('the check finds an address whose service is gone, and one in a status that nobody gave', async () => {
  const service = (name: string, uid: string, loadBalancerIPs: string[]) => ({
    ...pool(name, '', 0),
    ...{ apiVersion: 'v1', kind: 'Service', namespace: 'shop', uid },
    spec: { loadBalancerIPs },
  });
  const put = [service('next', 'next', ['203.0.113.0']), service('wild', 'wild', ['203.0.113.1', '192.0.2.9'])];
  await database.datastore.write({ op: 'resources', put });
  await give('gone', [['2001:db8::5', 'public6']]);
  await database.query(`UPDATE caracal.service_address SET since = since - interval '5 minutes'`);
  const { findings, addresses } = await database.datastore.checkIpam();
  const found = findings
    .filter(({ kind }) => kind.startsWith('ServiceAddress'))
    .map(({ kind, message }) => [kind, message]);
  expect(found).toEqual([
    [
      'ServiceAddressOfNoService',
      '2001:db8::5 of IPPool/public6 is held by Service shop/gone (uid gone), which does not exist or does not have it in its status',
    ],
    [
      'ServiceAddressNotHeld',
      'Service shop/wild has 203.0.113.1 of IPPool/public-0 in its status and does not hold it',
    ],
  ]);
  expect(addresses).toBe(2);
});
