import type { SavedTable, TableName } from './save.ts';
import { ruleTarget } from './save.ts';
import type { Increment, TableEdit } from './transaction.ts';

/** The part of a table that belongs to one owner. */
export interface OwnedTable {
  readonly table: TableName;
  /** Every chain of the owner with its rules; owned chains that are not here are removed. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** The rule that has to stand first in a built-in chain, by the chain's name. Its target is an owned chain. */
  readonly jumps: ReadonlyMap<string, string>;
}

/**
 * What makes the owner's part of `current` equal to `desired`; nobody else's chains and rules are touched. Chains for
 * which `owns` is true are the owner's, and so is any rule outside of them that leads into one. A chain that differs is
 * filled anew: within a transaction nobody sees it empty.
 */
export function diffTable(
  current: SavedTable | undefined,
  desired: OwnedTable,
  owns: (chain: string) => boolean,
): TableEdit {
  const chains = new Map<string, readonly string[]>();
  for (const [name, rules] of desired.chains) {
    if (!equalRules(current?.get(name)?.rules, rules)) chains.set(name, rules);
  }
  const removedChains: string[] = [];
  const deletedRules: { chain: string; rule: string }[] = [];
  const insertedRules: { chain: string; rule: string }[] = [];
  const misplaced = new Set(desired.jumps.keys());
  for (const [name, chain] of current ?? []) {
    if (owns(name)) {
      if (!desired.chains.has(name)) removedChains.push(name);
      continue;
    }
    const wanted = desired.jumps.get(name);
    chain.rules.forEach((rule, index) => {
      const target = ruleTarget(rule);
      if (target === undefined || !owns(target)) return;
      if (index === 0 && rule === wanted) misplaced.delete(name);
      else deletedRules.push({ chain: name, rule });
    });
  }
  // A deletion by text takes the first rule with that text. Where the first rule stands well and later copies of it are
  // to go, the good one would go: then all copies are deleted and one is inserted again.
  for (const [chain, rule] of desired.jumps) {
    const copies = deletedRules.some((deleted) => deleted.chain === chain && deleted.rule === rule);
    if (!misplaced.has(chain) && copies) deletedRules.push({ chain, rule });
    if (misplaced.has(chain) || copies) insertedRules.push({ chain, rule });
  }
  return { table: desired.table, chains, removedChains, deletedRules, insertedRules };
}

/** Whether two lists of rules are the same; an absent chain equals nothing. */
export function equalRules(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a !== undefined && a.length === b.length && a.every((rule, index) => rule === b[index]);
}

/** With more to change than this a chain is filled anew. */
const few = 4;

/**
 * How a chain becomes another one by a few rules that come, or a few that go; undefined when it takes more than that, or both. A rule that
 * goes must be the only one of its text, since iptables deletes the first that it finds.
 */
export function incrementOf(before: readonly string[], after: readonly string[]): Increment | undefined {
  if (after.length > before.length) {
    const added = beyond(before, after);
    if (!added) return undefined;
    // At its end a chain takes a rule without a look at those before.
    let end = after.length;
    for (const index of added.toReversed()) if (index === end - 1) end = index;
    const place = (index: number) => (index >= end ? {} : { position: index + 1 });
    return { deleted: [], inserted: added.map((index) => ({ rule: after[index], ...place(index) })) };
  }
  const gone = beyond(after, before)?.map((index) => before[index]);
  if (!gone?.every((rule) => before.indexOf(rule) === before.lastIndexOf(rule))) return undefined;
  return { deleted: gone, inserted: [] };
}

/** The indices of what the longer list has beside the shorter one, when that is little and the rest is in order. */
function beyond(shorter: readonly string[], longer: readonly string[]): number[] | undefined {
  const indices: number[] = [];
  let at = 0;
  for (let index = 0; index < longer.length && indices.length <= few; index++) {
    if (at < shorter.length && longer[index] === shorter[at]) at++;
    else indices.push(index);
  }
  return at === shorter.length && indices.length <= few ? indices : undefined;
}
