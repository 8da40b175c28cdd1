// Whatever happens to nodes, journals, lines and the database, in any order: no address with two live owners, none lost for ever, every row
// explained by the history. `npm run soak -- ipam` runs it for longer.
import { expect, test } from 'vitest';
import { runIpamModel } from '../support/ipam/run-model.ts';
import { useDatabase } from './support.ts';

const database = useDatabase();

test('a cluster under random events keeps every address with one owner, and loses none', async () => {
  const seed = process.env.IPAM_SEED === undefined ? undefined : Number(process.env.IPAM_SEED);
  const runs = Number(process.env.IPAM_RUNS ?? 12);
  const counts = await runIpamModel(database, {
    runs,
    maxCommands: 60,
    machines: 3,
    seed,
    endOnFailure: process.env.IPAM_FAST !== undefined,
  });
  for (const what of ['added', 'removed', 'reported', 'killed', 'started']) expect(counts.get(what)).toBeGreaterThan(0);
}, 300_000);
