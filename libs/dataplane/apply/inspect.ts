import { diffTable, ruleTarget, type SavedSet, type SavedTable, type TableName } from 'iptables-wrapper';
import type { DesiredSet } from '../state/desired-sets.ts';
import { reachOf } from '../state/reach.ts';
import { ownsChain } from './table-belief.ts';

/** One table: what the kernel holds of it, and what it should hold. */
export interface InspectedTable {
  readonly table: TableName;
  readonly kernel: SavedTable | undefined;
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly jumps: ReadonlyMap<string, string>;
}

/**
 * Sentences on what packets of the interface meet that is not as it should be: chains on their way, the jumps into these, and sets.
 * `isPending` says of a chain or set that a change of it is yet to be written.
 */
export function inspectInterface(
  interfaceName: string,
  tables: readonly InspectedTable[],
  kernelSets: ReadonlyMap<string, SavedSet>,
  desiredSet: (name: string) => DesiredSet | undefined,
  isPending: (name: string) => boolean,
): string[] {
  const problems: string[] = [];
  const sets = new Set<string>();
  for (const { table, kernel, chains, jumps } of tables) {
    const entries = [...jumps.values()].flatMap((jump) => ruleTarget(jump) ?? []);
    const reach = reachOf(entries, interfaceName, (chain) => chains.get(chain));
    for (const set of reach.sets) sets.add(set);
    const edit = diffTable(kernel, { table, chains, jumps }, ownsChain);
    // One that is there but not first is no fault of this pod: plugins of a chain (portmap, firewall) put theirs before it, and the
    // next comparison of all puts it back.
    for (const { chain, rule } of edit.insertedRules) {
      if (!kernel?.get(chain)?.rules.includes(rule))
        problems.push(`the jump from ${chain} of table ${table} is missing`);
    }
    for (const chain of edit.chains.keys()) {
      if (!reach.chains.has(chain) || isPending(chain)) continue;
      const how = kernel?.has(chain) ? 'has other rules than it should' : 'is missing';
      problems.push(`chain ${chain} of table ${table} ${how}`);
    }
  }
  for (const name of sets) {
    const desired = desiredSet(name);
    if (!desired || isPending(name)) continue;
    const found = kernelSets.get(name);
    if (!found) problems.push(`set ${name} is missing`);
    else if (!equalMembers(found.members, desired.members))
      problems.push(`set ${name} has other members than it should`);
  }
  return problems;
}

function equalMembers(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((member) => other.has(member));
}
