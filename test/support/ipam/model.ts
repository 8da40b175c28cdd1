// The commands of the model-based test: what may happen to a cluster, in any order. The model is only what decides whether a command makes
// sense; what is right is said by Cluster.violations and Cluster.lost.
import fc from 'fast-check';
import type { Cluster } from './cluster.ts';
import type { Machine } from './machine.ts';
import { bringBackDatabase, saveDatabase, setDatabaseClockBack } from './saved-database.ts';

export interface World {
  readonly cluster: Cluster;
  readonly query: (text: string) => Promise<unknown>;
  /** How often each kind of thing happened, for the test to see that it did. */
  readonly counts: Map<string, number>;
  saved: boolean;
}

type Model = Record<string, never>;
export type ModelCommand = fc.AsyncCommand<Model, World>;

function command(
  name: string,
  node: number,
  act: (machine: Machine, world: World) => Promise<string | undefined>,
): ModelCommand {
  return {
    check: () => true,
    async run(_model, world) {
      const machine = world.cluster.machines[node % world.cluster.machines.length];
      const done = await act(machine, world);
      if (done) world.counts.set(done, (world.counts.get(done) ?? 0) + 1);
      const violations = await world.cluster.violations();
      if (violations.length > 0) throw new Error(violations.join('\n'));
    },
    toString: () => `${name}(${node})`,
  };
}

/** What needs a hub fails when there is none: that is no fault. */
async function tried(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (/no hub is reached|is incarnation|TimeoutError|AbortError/.test(String(error))) return false;
    throw error;
  }
}

const kinds: Record<string, (machine: Machine, world: World) => Promise<string | undefined>> = {
  add: async (machine, { cluster }) => {
    if (!machine.agent) return undefined;
    return (await machine.add(cluster.newContainer())) ? 'added' : 'refused';
  },
  addDual: async (machine, { cluster }) => {
    if (!machine.agent) return undefined;
    return (await machine.add(cluster.newContainer(true))) ? 'added with two addresses' : 'refused two addresses';
  },
  remove: async (machine) => {
    const [container] = machine.containers();
    if (!machine.agent || !container) return undefined;
    await machine.remove(container);
    return 'removed';
  },
  report: async (machine) => (machine.agent && (await tried(() => machine.report())) ? 'reported' : undefined),
  meetHub: async (machine) => (machine.agent && (await tried(() => machine.meetHub())) ? 'asserted' : undefined),
  rest: async (machine) => {
    machine.rest();
    return 'rested';
  },
  kill: async (machine) => {
    await machine.kill();
    return 'killed';
  },
  start: async (machine, { cluster }) => {
    const patienceMs = cluster.cutOff.has(machine.name) ? 50 : undefined;
    return (await tried(() => startAndMeet(machine, patienceMs))) ? 'started' : undefined;
  },
  reboot: async (machine) => {
    await machine.reboot();
    return 'rebooted';
  },
  loseJournal: async (machine) => {
    if (machine.interfaces.size === 0) return undefined;
    await machine.loseJournal();
    return 'journal lost';
  },
  saveJournal: async (machine) => {
    if (!machine.agent) return undefined;
    await machine.saveJournal();
    return 'journal saved';
  },
  restoreJournal: async (machine) => ((await machine.restoreJournal()) ? 'journal restored' : undefined),
  /** The whole machine is put back; it meets a hub before it starts a pod. */
  restoreMachine: async (machine, { cluster }) => {
    if (cluster.cutOff.has(machine.name) || !(await machine.restoreJournal())) return undefined;
    await machine.reboot();
    return (await tried(() => startAndMeet(machine, undefined))) ? 'machine restored' : undefined;
  },
  reimage: async (machine, { cluster, query }) => {
    if (cluster.cutOff.has(machine.name)) return undefined;
    await machine.reimage();
    await query(
      `UPDATE caracal.node_status SET reported_at = clock_timestamp() - interval '1 hour' WHERE node = '${machine.name}'`,
    );
    // Somebody has seen that the former system is gone with its disk.
    await machine.start();
    if (await tried(() => machine.meetHub()))
      await query(`SELECT caracal.write('[{"op": "reclaim", "node": "${machine.name}", "formerOnly": true}]')`);
    return 'reimaged';
  },
  partition: async (machine, { cluster }) => {
    if (cluster.cutOff.has(machine.name)) cluster.cutOff.delete(machine.name);
    else cluster.cutOff.add(machine.name);
    return 'partitioned';
  },
  clockBack: async (_machine, { query }) => {
    await setDatabaseClockBack(query);
    return 'clock of the database set back';
  },
  save: async (_machine, world) => {
    await saveDatabase(world.query);
    world.saved = true;
    return 'saved';
  },
  restore: async (_machine, world) => {
    if (!world.saved) return undefined;
    await bringBackDatabase(world.query);
    await world.query(`UPDATE caracal.node_status SET reported_at = clock_timestamp() - interval '1 hour'`);
    return 'restored';
  },
};

/** A machine that starts without a hub may have to wait for one: then it does not run. */
async function startAndMeet(machine: Machine, patienceMs: number | undefined): Promise<void> {
  await machine.start(patienceMs);
  await machine.meetHub();
}

const weights: Record<string, number> = { add: 6, addDual: 4, remove: 4, report: 3, meetHub: 3, rest: 2, start: 4 };

/** Sequences of commands. */
export function commands(maxCommands: number): fc.Arbitrary<Iterable<ModelCommand>> {
  const each = Object.entries(kinds).flatMap(([name, act]) =>
    Array.from({ length: weights[name] ?? 1 }, () => fc.nat(9).map((node) => command(name, node, act))),
  );
  return fc.commands(each, { maxCommands, size: 'max' });
}

/** The commands of a sequence as a failure prints it: `addDual(5),save(0)`. */
export function commandsOf(text: string): ModelCommand[] {
  return [...text.matchAll(/(\w+)\((\d)\)/g)].map(([, name, node]) => command(name, Number(node), kinds[name]));
}
