// Fault points, enumerated: one history with a claim, assignments, reports, releases, a drain and a reassertion is run again and again, and
// at each of its steps, before and after it, each kind of fault strikes. Whatever it is, nothing is lost and nothing owned twice.
import { type Datastore, migrate, openDatastore } from '@caracal/datastore';
import pg from 'pg';
import { type Logger, pino } from 'pino';
import { makeTemporaryFolder, removeTemporaryFolder } from '../temporary-folder.ts';
import { Cluster } from './cluster.ts';
import { history, type Operation, operationOf, operations, type Step } from './fault-history.ts';
import { type FaultKind, type FaultWorld, faults } from './faults.ts';
import type { Machine } from './machine.ts';
import { pool } from './pool.ts';
import { ReplicatedPostgres } from './replicated-postgres.ts';
import { bringBackDatabase, saveDatabase } from './saved-database.ts';

/** Of the machines, whatever becomes of the hubs' clock. */
const wallClock = Date.now;

/** A kind of fault at a step of a history. */
interface Fault {
  readonly kind: FaultKind;
  readonly index: number;
  readonly step: Step;
}

/** One run: the steps that were taken, how each act came out, and what was said by hubs and agents. */
interface Run {
  readonly steps: readonly Step[];
  readonly outcomes: readonly string[];
  readonly said: readonly string[];
}

/** What came of one kind of fault in one operation: that nothing was lost is what did not throw. */
export interface FaultResult {
  readonly fault: string;
  readonly operation: Operation;
  readonly points: number;
  /** What was said, without names, and at how many of the points. */
  readonly said: ReadonlyMap<string, number>;
}

/**
 * Runs every fault at every step of every operation, or at so many of each operation as `pointsEach` says. Throws when anything was lost or
 * owned twice, came out otherwise than it may, or was not said.
 */
export async function runFaults(options: {
  readonly pointsEach?: number;
  readonly only?: RegExp;
  readonly onResult?: (result: FaultResult) => void;
}): Promise<FaultResult[]> {
  const postgres = await ReplicatedPostgres.start();
  try {
    await migrate(postgres.url);
    const datastore = openDatastore(postgres.urlFor('caracal_hub'), { connections: 8 });
    try {
      return await enumerate({ ...options, runner: await Runner.make(postgres, datastore) });
    } finally {
      await datastore.close();
    }
  } finally {
    await postgres.destroy();
  }
}

async function enumerate({
  runner,
  pointsEach,
  only = /./,
  onResult = () => {},
}: Parameters<typeof runFaults>[0] & { readonly runner: Runner }): Promise<FaultResult[]> {
  try {
    const { steps, outcomes } = await runner.run(undefined);
    const results: FaultResult[] = [];
    for (const [number, kind] of faults.entries()) {
      if (!only.test(kind.name)) continue;
      for (const operation of operations) {
        const points = [...steps.entries()].filter(
          ([, step]) => step.operation === operation && (kind.applies?.(step.what) ?? true),
        );
        const said = new Map<string, number>();
        const chosen = someOf(points, pointsEach ?? points.length, (number + 0.5) / faults.length);
        for (const [index, step] of chosen) {
          const fault = { kind, index, step };
          const run = await runner.run(fault);
          requireOutcome(fault, run, outcomes);
          for (const line of new Set(run.said.map(withoutNames))) said.set(line, (said.get(line) ?? 0) + 1);
        }
        const result = { fault: kind.name, operation, points: chosen.length, said };
        results.push(result);
        onResult(result);
      }
      const lines = results.flatMap(({ fault, said }) => (fault === kind.name ? [...said.keys()] : []));
      if (pointsEach === undefined && kind.message && !lines.some((line) => kind.message?.test(line)))
        throw new Error(`${kind.name}: nobody said ${kind.message} at any step, but: ${lines.join('; ')}`);
    }
    return results;
  } finally {
    await runner.close();
  }
}

function requireOutcome(fault: Fault, run: Run, faultless: readonly string[]): void {
  const { kind, step } = fault;
  const different = run.outcomes.findIndex((outcome, act) => outcome !== faultless[act]);
  if (kind.unnoticed && different >= 0)
    throw new Error(`${describe(fault)}: act ${different} came out as ${run.outcomes[different]}`);
  if (kind.unnoticed && run.said.length > 0) throw new Error(`${describe(fault)}: ${run.said.join('; ')}`);
  const expected = kind.says?.(step);
  if (expected && !run.said.some((line) => expected.test(line)))
    throw new Error(`${describe(fault)}: nobody said ${expected}, but: ${run.said.join('; ') || 'nothing'}`);
}

/** So many, evenly spread; `phase`, from 0 to 1, says which of those that are between. */
function someOf<T>(all: readonly T[], count: number, phase: number): T[] {
  const most = Math.min(count, all.length);
  return Array.from({ length: most }, (_, i) => all[Math.floor(((i + phase) * all.length) / most)]);
}

class Runner {
  readonly #postgres: ReplicatedPostgres;
  readonly #datastore: Datastore;
  #client: pg.Client | undefined;

  private constructor(postgres: ReplicatedPostgres, datastore: Datastore) {
    this.#postgres = postgres;
    this.#datastore = datastore;
  }

  static async make(postgres: ReplicatedPostgres, datastore: Datastore): Promise<Runner> {
    const runner = new Runner(postgres, datastore);
    const pools = ['f', 'g'].map((name, i) => pool(name, `10.6${i}.0.0/28`));
    await datastore.write({ op: 'resources', put: [...pools, pool('h', '2001:db8:60::/124')] });
    await saveDatabase(runner.#query, 'faultless');
    return runner;
  }

  async close(): Promise<void> {
    await this.#client?.end().catch(() => {});
  }

  /** As the superuser, over a connection that is made anew when the server was killed. */
  #query = async <Row extends object>(text: string, values?: unknown[]): Promise<Row[]> => {
    if (!this.#client) {
      const client = new pg.Client({ connectionString: this.#postgres.url });
      const forget = () => {
        if (this.#client === client) this.#client = undefined;
      };
      client.on('error', forget).on('end', forget);
      await client.connect();
      this.#client = client;
    }
    return (await this.#client.query<Row>(text, values)).rows;
  };

  /** Throws when anything is lost, or owned twice, at any moment. */
  async run(fault: Fault | undefined): Promise<Run> {
    await bringBackDatabase(this.#query, 'faultless', false);
    await this.#query(`UPDATE caracal.history SET hold = '0', identity = caracal.database_identity()`);
    const folder = makeTemporaryFolder('faults');
    const atEnd: FaultWorld['atEnd'] = [];
    try {
      return await this.#struck(fault, folder, atEnd);
    } finally {
      for (const undo of atEnd) await undo();
      removeTemporaryFolder(folder);
    }
  }

  async #struck(fault: Fault | undefined, folder: string, atEnd: FaultWorld['atEnd']): Promise<Run> {
    const query = this.#query;
    const steps: Step[] = [];
    const said: string[] = [];
    const outcomes: string[] = [];
    const setBackMs = new Map<string, number>();
    let act = 0;
    let drains = false;
    let mending = false;
    let struck: Machine | undefined;
    let agentEnded = () => {};
    const endAgent = () => {
      agentEnded();
      return new Promise<never>(() => {});
    };
    const cluster = await Cluster.make({
      datastore: () => this.#datastore,
      query,
      pools: ['f', 'g'],
      pools6: ['h'],
      machines: ['a', 'b'],
      folder,
      logger: listener(said),
      now: (name) => wallClock() - (setBackMs.get(name) ?? 0),
      step: async (name, what) => {
        if (mending) return;
        steps.push({ machine: name, what, act, operation: operationOf(what, drains) });
        if (struck || !fault || steps.length - 1 !== fault.index) return;
        struck = cluster.machines.find((machine) => machine.name === name)!;
        await fault.kind.strike(world, struck);
      },
    });
    const world: FaultWorld = {
      cluster,
      postgres: this.#postgres,
      query,
      setBackMs,
      disks: new Map(),
      atEnd,
      endAgent,
    };
    try {
      await fault?.kind.prepare?.(world);
      for (const { run, ...each } of history(cluster, query)) {
        drains = each.drains ?? false;
        if (fault && act === Math.max(0, fault.step.act - 1)) await fault.kind.beforehand?.(world);
        const ended = new Promise<string>((resolve) => {
          agentEnded = () => resolve('the agent died');
        });
        const outcome = run().then(
          (result) => `${result}`,
          (error: unknown) => {
            if (!struck || !fault?.kind.errors?.test(String(error))) throw error;
            said.push(String(error));
            return String(error);
          },
        );
        outcomes.push(await Promise.race([outcome, ended]));
        if (struck && fault?.step.act === act) await fault.kind.afterwards?.(world, struck);
        const violations = await cluster.violations();
        if (violations.length > 0) throw new Error(`after act ${act}: ${violations.join('; ')}`);
        act++;
      }
      if (fault && !struck) throw new Error('the step was not reached');
      mending = true;
      cluster.drained.clear();
      await cluster.mend();
      const lost = (await cluster.lost()).filter((line) => !line.includes('last event'));
      if (lost.length > 0) throw new Error(`after it has mended: ${lost.join('; ')}`);
      return { steps, outcomes, said };
    } catch (error) {
      throw new Error(fault ? describe(fault) : 'without a fault', { cause: error });
    } finally {
      await cluster.destroy();
    }
  }
}

function describe({ kind, index, step }: Fault): string {
  return `${kind.name} at step ${index} (${step.operation}: ${step.machine} ${step.what})`;
}

/** What hubs and agents tell their operators, from warnings on. */
function listener(said: string[]): Logger {
  const write = (line: string) => {
    const { msg, reason }: { msg: string; reason?: string } = JSON.parse(line);
    said.push(reason === undefined ? msg : `${msg}: ${reason}`);
  };
  return pino({ level: 'warn' }, { write });
}

/** The same for every machine, address and run. */
function withoutNames(line: string): string {
  return line
    .replace(/\/\S+\/ipam\.journal/g, '…/ipam.journal')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '…')
    .replace(/\d+\.\d+\.\d+\.\d+(\/\d+)?|2001:[0-9a-f:]+(\/\d+)?/g, '…')
    .replace(/\d{3,}/g, '…');
}
