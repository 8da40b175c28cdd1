// What may strike at any step of any operation, and what is said of it then.

import { setClockBack } from '../set-clock-back.ts';
import type { Cluster } from './cluster.ts';
import type { Step } from './fault-history.ts';
import type { Machine } from './machine.ts';
import type { ReplicatedPostgres } from './replicated-postgres.ts';
import { setDatabaseClockBack } from './saved-database.ts';
import { SmallDisk } from './small-disk.ts';

const hourMs = 3_600_000;

/** One run of the history. */
export interface FaultWorld {
  readonly cluster: Cluster;
  readonly postgres: ReplicatedPostgres;
  readonly query: (text: string) => Promise<unknown>;
  /** By how much a machine's clock was set back, in milliseconds. */
  readonly setBackMs: Map<string, number>;
  /** By the name of the machine. */
  readonly disks: Map<string, SmallDisk>;
  /** Undoes what outlives the run. */
  readonly atEnd: Array<() => unknown>;
  /** Makes the process of the agent that acts end in this moment: nobody hears of it again. */
  readonly endAgent: () => Promise<never>;
}

export interface FaultKind {
  readonly name: string;
  /** Whether it means something there; everywhere when absent. */
  applies?(what: string): boolean;
  /** Before the history begins. */
  prepare?(world: FaultWorld): Promise<unknown>;
  /** Before the act that comes before the one that is struck: what happens from then on may be lost. */
  beforehand?(world: FaultWorld): Promise<unknown>;
  /** At the step. What it throws is the answer that its caller gets. */
  strike(world: FaultWorld, machine: Machine): Promise<unknown>;
  /** When the struck act is over. */
  afterwards?(world: FaultWorld, machine: Machine): Promise<unknown>;
  /** How an act may fail because of it. */
  readonly errors?: RegExp;
  /** Every act comes out as without it, and nothing is said. */
  readonly unnoticed?: true;
  /** What a person reads at this step, in any case. */
  says?(step: Step): RegExp | undefined;
  /** What a person reads at one of its steps at least. */
  readonly message?: RegExp;
}

/** Only calls of a hub, not what a machine does by itself. */
const isCall = (what: string) => !/journal|wire/.test(what);

async function restart(machine: Machine): Promise<void> {
  await machine.kill();
  await machine.start();
}

export const faults: readonly FaultKind[] = [
  {
    name: 'agent killed',
    strike: ({ endAgent }) => endAgent(),
    message: /an interface that the journal does not know: its addresses are held/,
    afterwards: (_world, machine) => restart(machine),
  },
  {
    // One that dies before a call lets it fail, one that dies after it loses the answer.
    name: 'hub killed',
    applies: isCall,
    errors: /no hub is reached/,
    message: /no block from the hub: no hub is reached/,
    strike: async () => {
      throw new Error('no hub is reached: it was killed');
    },
  },
  {
    name: 'Postgres killed',
    errors: /the database cannot be reached/,
    message: /no block from the hub: the database cannot be reached/,
    strike: ({ postgres }) => postgres.kill(),
    afterwards: ({ postgres }) => postgres.start(),
    says: ({ what }) => (isCall(what) && what.startsWith('before') ? /the database cannot be reached/ : undefined),
  },
  {
    name: 'disk of the journal full',
    applies: (what) => what.startsWith('before journal'),
    errors: /no space is left for it/,
    prepare: async ({ cluster, disks, atEnd }) => {
      for (const { name, stateDirectory } of cluster.machines) {
        const disk = await SmallDisk.mount(stateDirectory);
        disks.set(name, disk);
        atEnd.push(() => disk.unmount());
      }
    },
    strike: async ({ disks }, { name, journal, journalPath }) => {
      if (journal) await disks.get(name)?.fill(journal, journalPath);
    },
    afterwards: async ({ disks }, machine) => {
      await disks.get(machine.name)?.makeRoom();
      await machine.start();
    },
    says: () => /journal .* cannot be written: no space is left for it \(ENOSPC\): free some; nothing was changed/,
  },
  {
    name: 'standby promoted without the last commits',
    errors: /the database cannot be reached/,
    message:
      /no block is granted until every node has said what it owns, because the database was \S+ and is \S+; \d+ are missing: /,
    prepare: ({ postgres }) => postgres.addStandby(),
    beforehand: ({ postgres }) => postgres.cutOffStandby(),
    strike: ({ postgres }) => postgres.failOver(),
  },
  {
    name: "database's clock set back an hour",
    unnoticed: true,
    strike: ({ query }) => setDatabaseClockBack(query),
  },
  {
    // It is compared with what the journal says when an agent starts.
    name: "agent's clock set back an hour",
    unnoticed: true,
    strike: async ({ setBackMs }, { name }) => setBackMs.set(name, hourMs),
    afterwards: (_world, machine) => restart(machine),
  },
  {
    // Of the process in which all hubs are; agents are asked for their own clock.
    name: "hub's clock set back an hour",
    applies: isCall,
    unnoticed: true,
    strike: async ({ atEnd }) => atEnd.push(setClockBack(hourMs)),
  },
  {
    name: 'node cut off for a day',
    errors: /no hub is reached/,
    message: /no block from the hub: no hub is reached/,
    strike: async ({ cluster, query }, machine) => {
      cluster.cutOff.add(machine.name);
      for (const [table, column] of [
        ['node_status', 'reported_at'],
        ['revision', 'at'],
      ])
        await query(`UPDATE caracal.${table} SET ${column} = ${column} - interval '1 day'`);
      await query(`SELECT caracal.trim_feed('1 hour', 100000)`);
    },
  },
];
