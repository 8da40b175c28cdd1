// Every step of claim, assign, release, report, reassertion and drain, and what happens when something strikes there. `npm run soak -- ipam`
// has all of the steps.
import { expect, test } from 'vitest';
import { runFaults } from '../support/ipam/run-faults.ts';

test('whatever strikes in any operation: nothing is lost, nothing owned twice, and it is said what happens', async () => {
  const results = await runFaults({ pointsEach: 1 });
  const points = new Map<string, number>();
  for (const { fault, ...result } of results) points.set(fault, (points.get(fault) ?? 0) + result.points);
  expect(Object.fromEntries(points)).toEqual({
    'agent killed': 6,
    'hub killed': 4, // assign and release are the node's alone
    'Postgres killed': 6,
    'disk of the journal full': 5, // a report writes nothing
    'standby promoted without the last commits': 6,
    "database's clock set back an hour": 6,
    "agent's clock set back an hour": 6,
    "hub's clock set back an hour": 4,
    'node cut off for a day': 6,
  });
}, 600_000);
