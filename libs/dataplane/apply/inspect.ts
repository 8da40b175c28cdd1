import {
  diffTable,
  type OwnedTable,
  ruleTarget,
  type SavedSet,
  type SavedTable,
  type TableEdit,
} from 'iptables-wrapper';
import type { DesiredSet } from '../state/desired-sets.ts';
import { reachOf } from '../state/reach.ts';
import { ownsChain } from './table-belief.ts';

/** One table: what the kernel holds of it, what it should hold, and what would make the one the other. */
export interface InspectedTable extends OwnedTable {
  readonly kernel: SavedTable | undefined;
  readonly edit: TableEdit;
}

/** Compares a table once, for all interfaces that are asked about. */
export const inspectTable = (kernel: SavedTable | undefined, desired: OwnedTable): InspectedTable => ({
  ...desired,
  kernel,
  edit: diffTable(kernel, desired, ownsChain),
});

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
  for (const { table, kernel, chains, jumps, edit } of tables) {
    const entries = [...jumps.values()].flatMap((jump) => ruleTarget(jump) ?? []);
    const reach = reachOf(entries, interfaceName, (chain) => chains.get(chain));
    for (const set of reach.sets) sets.add(set);
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
