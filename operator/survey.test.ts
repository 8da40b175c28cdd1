import { expect, test } from 'vitest';
import { type Health, healthConditions, peerSessions } from './survey.ts';

const well: Health = {
  synced: true,
  waiting: 0,
  databaseAway: undefined,
  invalid: [],
  massDeleteHeld: [],
  nodes: 2,
  reportingNodes: 2,
  goneNodes: [],
  durability: { notDurable: undefined, reasserting: undefined },
};
const summary = (health: Health) =>
  healthConditions(health).map(({ type, status, reason }) => `${type} ${status} ${reason}`);

test.each([
  [{}, ['Available True Working', 'Progressing False UpToDate', 'Degraded False AsExpected']],
  [{ synced: false }, ['Available True Working', 'Progressing True Listing', 'Degraded False AsExpected']],
  [{ waiting: 3 }, ['Available True Working', 'Progressing True Storing', 'Degraded False AsExpected']],
  [
    { databaseAway: 'refused', waiting: 1 },
    ['Available False DatabaseAway', 'Progressing True Storing', 'Degraded True DatabaseAway'],
  ],
  [{ invalid: ['Tier/x'] }, ['Available True Working', 'Progressing False UpToDate', 'Degraded True InvalidObjects']],
  [
    { massDeleteHeld: [{ kind: 'Pod', count: 99 }] },
    ['Available True Working', 'Progressing False UpToDate', 'Degraded True MassDeleteHeld'],
  ],
])('%j', (change, expected) => {
  expect(summary({ ...well, ...change }).slice(0, 3)).toEqual(expected);
});

test('claims that a failover could lose are a warning, and so is a failover that is being dealt with', () => {
  const reasserting = { since: new Date(0), reason: 'the database was 1 and is 2', missing: ['n1', 'n2'] };
  const warned = healthConditions({ ...well, durability: { notDurable: 'there is no standby', reasserting } });
  expect(warned).toEqual(
    expect.arrayContaining([
      { type: 'ClaimsNotDurable', status: 'True', reason: 'NoSynchronousStandby', message: 'there is no standby' },
      {
        type: 'BlocksNotGranted',
        status: 'True',
        reason: 'Reasserting',
        message: expect.stringContaining('because the database was 1 and is 2; missing: n1, n2.'),
      },
      expect.objectContaining({ type: 'Degraded', status: 'False' }),
    ]),
  );
  expect(summary(well).slice(-2)).toEqual(['ClaimsNotDurable False AsExpected', 'BlocksNotGranted False AsExpected']);
  expect(summary({ ...well, durability: undefined }).slice(-2)).toEqual([
    'ClaimsNotDurable Unknown DatabaseAway',
    'BlocksNotGranted Unknown DatabaseAway',
  ]);
});

test('sessions of a peer are counted over the nodes', () => {
  const status = (...states: string[]) => ({ status: { bgpPeers: states.map((state) => ({ name: 'tor', state })) } });
  const sessions = peerSessions(
    [status('Established', 'Idle'), status('Established'), { status: null }],
    [],
    new Set(),
  );
  expect(sessions.get('tor')).toEqual({ nodes: 2, established: 2, total: 3 });
});

test('sessions with the nodes that a peer selects are its own', () => {
  const bgpPeers = ['rr-n1', 'rr-n2', 'rr-b-n1', 'rr-tor'].map((name) => ({ name, state: 'Established' }));
  const sessions = peerSessions([{ status: { bgpPeers } }], ['rr', 'rr-b'], new Set(['n1', 'n2']));
  const one = { nodes: 1, established: 1, total: 1 };
  expect(Object.fromEntries(sessions)).toEqual({
    rr: { nodes: 1, established: 2, total: 2 },
    'rr-b': one,
    'rr-tor': one,
  });
});

test('sessions with routers of a prefix are those of its peer', () => {
  const bgpPeers = ['tors/10.0.0.1', 'tors/2001:db8::1'].map((name) => ({ name, state: 'Established' }));
  const sessions = peerSessions([{ status: { bgpPeers } }], [], new Set());
  expect(Object.fromEntries(sessions)).toEqual({ tors: { nodes: 1, established: 2, total: 2 } });
});
