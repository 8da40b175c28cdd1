// `npm run soak -- ipam [RUNS [SEED]]`: thousands of random histories of a cluster on a real Postgres, and every fault point.
import { type Datastore, migrate, openDatastore } from '@caracal/datastore';
import { runFaults } from '../support/ipam/run-faults.ts';
import { runIpamModel } from '../support/ipam/run-model.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';

export async function run([runsText = '2000', seedText = String(Date.now() % 1e9)]: string[]): Promise<void> {
  const [runs, seed] = [Number(runsText), Number(seedText)];
  console.error(`seed ${seed}, ${runs} histories of up to 120 events on 4 machines`);
  const counts = await onDatabase((database) => runIpamModel(database, { runs, maxCommands: 120, machines: 4, seed }));
  const happened = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => `${what} ${count}`);
  console.log(`${runs} histories: ${happened.join(', ')}`);
  console.error('every step of every operation: agent, hub or Postgres is killed there');
  const faults = await onDatabase((database) => runFaults(database, { every: 1, postgresEvery: 1 }));
  console.log(`${faults.join('\n')}\nnothing twice, nothing lost`);
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
