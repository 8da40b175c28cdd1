// `npm run soak -- ipam [RUNS [SEED]]`: thousands of random histories of a cluster on a real Postgres, and every fault point.
import { migrate, openDatastore } from '@caracal/datastore';
import { runFaults } from '../support/ipam/run-faults.ts';
import { runIpamModel } from '../support/ipam/run-model.ts';
import { startPostgres } from '../support/postgres.ts';

export async function run([runsText = '2000', seedText = String(Date.now() % 1e9)]: string[]): Promise<void> {
  const [runs, seed] = [Number(runsText), Number(seedText)];
  const postgres = await startPostgres();
  try {
    await migrate(postgres.url);
    const datastore = openDatastore(postgres.urlFor('caracal_hub'), { connections: 8 });
    console.error(`seed ${seed}, ${runs} histories of up to 120 events on 4 machines`);
    const counts = await runIpamModel({ postgres, datastore }, { runs, maxCommands: 120, machines: 4, seed });
    console.error('every step of every operation: agent, hub or Postgres is killed there');
    const faults = await runFaults({ postgres, datastore }, { every: 1, postgresEvery: 1 });
    await datastore.close();
    const happened = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => `${what} ${count}`);
    console.log(`${runs} histories: ${happened.join(', ')}\n${faults.join('\n')}\nnothing twice, nothing lost`);
  } finally {
    await postgres.destroy();
  }
}
