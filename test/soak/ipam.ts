// `npm run soak -- ipam [RUNS [SEED [all|histories|faults]]]`: thousands of random histories of a cluster on a real Postgres, and every fault point.
import { type Datastore, migrate, openDatastore } from '@caracal/datastore';
import { runFaults } from '../support/ipam/run-faults.ts';
import { runIpamModel } from '../support/ipam/run-model.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';

/** Histories on one database. */
const pieceRuns = 100;
/** Pieces at once: a history waits for the database, and the database for it. */
const lanes = 2;

export async function run([
  runsText = '2000',
  seedText = String(Date.now() % 1e9),
  part = 'all',
]: string[]): Promise<void> {
  if (part !== 'faults') await histories(Number(runsText), Number(seedText));
  if (part !== 'histories') await faultPoints();
  console.log('nothing twice, nothing lost');
}

async function histories(runs: number, firstSeed: number): Promise<void> {
  console.error(`${runs} histories of up to 120 events on 4 machines, a seed for each ${pieceRuns}`);
  const total = new Map<string, number>();
  let begun = 0;
  async function lane(): Promise<void> {
    while (begun < runs) {
      const piece = { runs: Math.min(pieceRuns, runs - begun), seed: firstSeed + begun / pieceRuns };
      begun += pieceRuns;
      const options = { ...piece, maxCommands: 120, machines: 4 };
      const counts = await onDatabase((database) => runIpamModel(database, options));
      for (const [what, count] of counts) total.set(what, (total.get(what) ?? 0) + count);
      console.error(`seed ${piece.seed}: ${piece.runs} histories`);
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane));
  const happened = [...total].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => `${what} ${count}`);
  console.log(`${runs} histories: ${happened.join(', ')}`);
}

async function faultPoints(): Promise<void> {
  console.error('every step of every operation: whatever may strike does so there');
  await runFaults({
    onResult({ fault, operation, points, said }) {
      console.log(
        `${operation}, ${fault}, at ${points} points: nothing lost, nothing twice${said.size > 0 ? '; said:' : ''}`,
      );
      for (const [line, count] of said) console.log(`  at ${count}: ${line}`);
    },
  });
}

/** Each on a new one: histories end with blocks that some machine has yet to say it owns. */
async function onDatabase<T>(work: (database: { postgres: Postgres; datastore: Datastore }) => Promise<T>): Promise<T> {
  const postgres = await startPostgres();
  try {
    await migrate(postgres.url);
    const datastore = openDatastore(postgres.urlFor('caracal_hub'), { connections: 8 });
    try {
      return await work({ postgres, datastore });
    } finally {
      await datastore.close();
    }
  } finally {
    await postgres.destroy();
  }
}
