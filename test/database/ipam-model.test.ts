// Whatever happens to nodes, journals, lines and the database, in any order: no address with two live owners, none lost for ever, every row
// explained by the history. `npm run soak -- ipam` runs it for longer.
import { expect, test } from 'vitest';
import { runIpamModel } from '../support/ipam/run-model.ts';
import { useDatabase } from './support.ts';

const database = useDatabase();

/** What such histories have found. */
const found = [
  // A machine that was installed anew since the backup took what the former one owned then for its own, and another node had it.
  'addDual(1),save(0),reimage(1),add(1),addDual(0),restore(0),loseJournal(1),loseJournal(0)',
  // A copy of the journal was put back, was refused, and was put back once more: it began with all that the one made anew held.
  'add(0),saveJournal(0),remove(0),restoreJournal(0),start(0),restoreJournal(0)',
];

test('a cluster under random events keeps every address with one owner, and loses none', async () => {
  const seed = process.env.IPAM_SEED === undefined ? undefined : Number(process.env.IPAM_SEED);
  const runs = Number(process.env.IPAM_RUNS ?? 12);
  const counts = await runIpamModel(database, {
    runs,
    maxCommands: 60,
    machines: 3,
    seed,
    endOnFailure: process.env.IPAM_FAST !== undefined,
    examples: found,
  });
  for (const what of ['added', 'removed', 'reported', 'killed', 'started']) expect(counts.get(what)).toBeGreaterThan(0);
}, 300_000);
