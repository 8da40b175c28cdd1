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

test('sessions of a peer are counted over the nodes', () => {
  const status = (...states: string[]) => ({ status: { bgpPeers: states.map((state) => ({ name: 'tor', state })) } });
  const sessions = peerSessions([status('Established', 'Idle'), status('Established'), { status: null }]);
  expect(sessions.get('tor')).toEqual({ nodes: 2, established: 2, total: 3 });
});
