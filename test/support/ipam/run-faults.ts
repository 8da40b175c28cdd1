// Fault points, enumerated: one history with a claim, assignments, a report, releases, a drain and a reassertion is run again and again, and
// at each of its steps, before and after it, the agent, the hub or Postgres is killed.
import type { Datastore } from '@caracal/datastore';
import pg from 'pg';
import { Cluster } from './cluster.ts';
import { pool } from './pool.ts';
import { bringBackDatabase, saveDatabase } from './saved-database.ts';

interface FaultDatabase {
  readonly postgres: { readonly url: string; kill(): Promise<void>; start(): Promise<void> };
  readonly datastore: Datastore;
}

export type Victim = 'agent' | 'hub' | 'postgres';

/** Thrown where a process died, to whoever waited for it. */
class Killed extends Error {}

/** Which step of the history, and who is killed there; undefined only counts the steps. */
interface Fault {
  readonly step: number;
  readonly victim: Victim;
}

/**
 * One line for each kind of victim; throws when anything was lost or owned twice. `every`: only each n-th step; Postgres takes a second
 * to come back, so it has its own.
 */
export async function runFaults(
  database: FaultDatabase,
  options: { readonly every: number; readonly postgresEvery: number },
): Promise<string[]> {
  let client = await connect(database.postgres.url);
  const query = async <Row extends object>(text: string, values?: unknown[]) =>
    (await client.query<Row>(text, values)).rows;
  const pools = ['f', 'g'].map((name, i) => pool(name, `10.6${i}.0.0/28`));
  await database.datastore.write({ op: 'resources', put: [...pools, pool('h', '2001:db8:60::/124')] });
  await saveDatabase(query, 'faultless');

  /** Who waits for an answer of a hub may give up before it is over. */
  let restarting: Promise<void> | undefined;
  async function restartPostgres(): Promise<void> {
    await client.end().catch(() => {});
    await database.postgres.kill();
    await database.postgres.start();
    client = await connect(database.postgres.url);
  }

  /** The names of the steps that were taken, up to the fault. */
  async function once(fault: Fault | undefined): Promise<string[]> {
    await bringBackDatabase(query, 'faultless', false);
    await query(`UPDATE caracal.history SET hold = '0'`);
    const steps: string[] = [];
    let struck = false;
    const step = async (machine: string, what: string) => {
      if (struck) return;
      steps.push(`${machine} ${what}`);
      if (!fault || steps.length - 1 !== fault.step) return;
      struck = true;
      if (fault.victim === 'agent') throw new Killed();
      if (fault.victim === 'postgres') {
        restarting = restartPostgres();
        await restarting;
      }
      // A hub that dies before a call lets it fail, one that dies after it loses the answer. What is no call it does not touch.
      if (fault.victim === 'hub' && !/journal|wire/.test(what)) throw new Error('no hub is reached: it was killed');
    };
    const cluster = await Cluster.make({
      datastore: () => database.datastore,
      query,
      pools: ['f', 'g'],
      pools6: ['h'],
      machines: ['a', 'b'],
      step,
    });
    const [a, b] = cluster.machines;
    try {
      const acts: Array<() => Promise<unknown>> = [
        () => a.start(),
        () => a.meetHub(),
        () => b.start(),
        () => b.meetHub(),
        ...[1, 2, 3, 4, 5].map((i) => () => a.add(cluster.newContainer(i % 2 === 0))),
        () => b.add(cluster.newContainer()),
        () => a.report(),
        async () => a.remove(a.containers()[0]),
        () => a.report(),
        async () => cluster.drained.add('f'),
        async () => b.remove(b.containers()[0]),
        async () => b.rest(),
        () => b.meetHub(),
        () => b.add(cluster.newContainer()),
        // The database comes back without what it last acknowledged, and every node says what it owns.
        () => query(`DELETE FROM caracal.block WHERE node = 'b'`),
        () => query(`UPDATE caracal.history SET identity = 'promoted'`),
        () => a.meetHub(),
        () => b.meetHub(),
        () => a.add(cluster.newContainer()),
      ];
      for (const act of acts) {
        const before = struck;
        await act().catch(async (error: unknown) => {
          if (struck || /no hub is reached|database cannot be reached/.test(String(error))) return;
          throw error;
        });
        await restarting;
        if (struck && !before && fault?.victim === 'agent') {
          const name = steps[fault.step].split(' ')[0];
          const machine = cluster.machines.find((each) => each.name === name);
          await machine?.kill();
          await machine?.start();
        }
        const violations = await cluster.violations();
        if (violations.length > 0) throw new Error(`${describe(fault, steps)}: ${violations.join('; ')}`);
      }
      const taken = steps.slice();
      struck = true; // what mends is not struck
      cluster.drained.clear();
      await cluster.mend();
      const lost = (await cluster.lost()).filter((line) => !line.includes('last event'));
      if (lost.length > 0) throw new Error(`${describe(fault, steps)}: after it has mended: ${lost.join('; ')}`);
      return taken;
    } finally {
      await cluster.destroy();
    }
  }

  try {
    const all = await once(undefined);
    const lines: string[] = [];
    for (const victim of ['agent', 'hub', 'postgres'] as const) {
      let kills = 0;
      for (let number = 0; number < all.length; number++) {
        if (number % (victim === 'postgres' ? options.postgresEvery : options.every) !== 0) continue;
        if (victim === 'hub' && /journal|wire/.test(all[number])) continue;
        await once({ step: number, victim });
        kills++;
      }
      lines.push(`${victim} killed at ${kills} of ${all.length} steps: nothing lost, nothing twice`);
    }
    return lines;
  } finally {
    await client.end().catch(() => {});
  }
}

function describe(fault: Fault | undefined, steps: readonly string[]): string {
  return fault ? `${fault.victim} killed at step ${fault.step} (${steps[fault.step]})` : 'without a fault';
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {}); // it is killed on purpose
  await client.connect();
  return client;
}
