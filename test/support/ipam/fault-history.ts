// The history that faults strike: every operation of addresses, in an order in which each has something to do.
import type { Cluster } from './cluster.ts';

export const operations = ['claim', 'assign', 'release', 'report', 'reassert', 'drain'] as const;
export type Operation = (typeof operations)[number];

export interface Act {
  /** Whose agent acts; none for what happens to the cluster. */
  readonly machine?: string;
  /** Brings a pool nearer to being empty of this machine's blocks. */
  readonly drains?: boolean;
  run(): Promise<unknown>;
}

/** Something with an effect outside of memory, before or after it. */
export interface Step {
  readonly machine: string;
  readonly what: string;
  /** The number of the act of which it is a part. */
  readonly act: number;
  readonly operation: Operation;
}

/** Two machines and the pools f and g, of which f is drained in its course; `query` is for what happens to the database. */
export function history(cluster: Cluster, query: (text: string) => Promise<unknown>): Act[] {
  const [a, b] = cluster.machines;
  const at = (machine: typeof a, run: () => Promise<unknown>): Act => ({ machine: machine.name, run });
  return [
    at(a, () => a.start()),
    at(a, () => a.meetHub()),
    at(b, () => b.start()),
    at(b, () => b.meetHub()),
    ...[1, 2, 3, 4, 5].map((i) => at(a, () => a.add(cluster.newContainer(i % 2 === 0)))),
    at(b, () => b.add(cluster.newContainer())),
    at(a, () => a.report()),
    at(a, async () => a.remove(a.containers()[0])),
    at(a, () => a.report()),
    { run: async () => cluster.drained.add('f') },
    at(b, async () => b.remove(b.containers()[0])),
    at(b, async () => b.rest()),
    { ...at(b, () => b.meetHub()), drains: true },
    at(b, () => b.add(cluster.newContainer())),
    // The database comes back without what it last acknowledged, and every node says what it owns.
    { run: () => query(`DELETE FROM caracal.block WHERE node = 'b'`) },
    { run: () => query(`UPDATE caracal.history SET identity = 'promoted'`) },
    at(a, () => a.meetHub()),
    at(b, () => b.meetHub()),
    at(a, () => a.add(cluster.newContainer())),
  ];
}

export function operationOf(what: string, drains: boolean): Operation {
  if (/ClaimBlock|journal block/.test(what)) return 'claim';
  if (/journal assign| wire/.test(what)) return 'assign';
  if (/journal release|unwire/.test(what)) return 'release';
  if (/Report/.test(what)) return 'report';
  // A node's first word in its journal is the name by which it owns.
  if (/AssertBlocks|Recover|journal node/.test(what)) return drains ? 'drain' : 'reassert';
  if (/journal unblock/.test(what)) return 'drain';
  throw new Error(`no operation is known of which "${what}" is a part`);
}
