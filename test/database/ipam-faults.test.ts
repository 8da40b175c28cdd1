// Every step of claim, assign, release, report, reassertion and drain, and what happens when a process dies there.
import { expect, test } from 'vitest';
import { runFaults } from '../support/ipam/run-faults.ts';
import { useDatabase } from './support.ts';

const database = useDatabase();

test('agent, hub or Postgres killed at any step: nothing lost, nothing owned twice', async () => {
  const lines = await runFaults(database, { every: 5, postgresEvery: 20 });
  expect(lines).toHaveLength(3);
}, 300_000);
