import type { SavedTable, TableName } from './save.ts';
import { ruleTarget } from './save.ts';
import type { TableEdit } from './transaction.ts';

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
