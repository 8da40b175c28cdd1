import {
  diffTable,
  equalRules,
  type Increment,
  incrementOf,
  type OwnedTable,
  type SavedTable,
  type TableEdit,
} from 'iptables-wrapper';
import { chainPrefix, isDispatchChain } from '../render/names.ts';

/** Whether a chain is ours. */
export const ownsChain = (chain: string) => chain.startsWith(chainPrefix);

/** What we believe that the kernel holds of our chains in one table: what was read, and what was written since. */
export class TableBelief {
  readonly #table: TableEdit['table'];
  #chains = new Map<string, readonly string[]>();

  constructor(table: TableEdit['table']) {
    this.#table = table;
  }

  has(chain: string): boolean {
    return this.#chains.has(chain);
  }

  /** The table was read: everything that has to change, jumps included. */
  observe(saved: SavedTable | undefined, desired: Omit<OwnedTable, 'table'>): TableEdit {
    this.#chains = new Map();
    for (const [name, { rules }] of saved ?? []) if (ownsChain(name)) this.#chains.set(name, rules);
    return diffTable(saved, { table: this.#table, ...desired }, ownsChain);
  }

  /** What has to change of the named chains; as small as they are. */
  editOf(names: Iterable<string>, desired: ReadonlyMap<string, readonly string[]>): TableEdit {
    const chains = new Map<string, readonly string[]>();
    const increments = new Map<string, Increment>();
    const removedChains: string[] = [];
    for (const name of names) {
      const rules = desired.get(name);
      if (rules) {
        const before = this.#chains.get(name);
        if (equalRules(before, rules)) continue;
        chains.set(name, rules);
        const increment = before && incrementOf(before, rules);
        if (increment) increments.set(name, increment);
      } else if (this.#chains.has(name)) {
        removedChains.push(name);
      }
    }
    return { table: this.#table, chains, increments, removedChains, deletedRules: [], insertedRules: [] };
  }

  /** Whether the edit changes what happens to packets of no endpoint but those that come or go with it. */
  concernsNobodyElse({ chains, insertedRules, deletedRules }: TableEdit): boolean {
    const jumps = insertedRules.length + deletedRules.length;
    return jumps === 0 && [...chains.keys()].every((chain) => !this.#chains.has(chain) || isDispatchChain(chain));
  }

  /** The edit is in the kernel. */
  wrote(edit: TableEdit): void {
    for (const [name, rules] of edit.chains) this.#chains.set(name, rules);
    for (const name of edit.removedChains) this.#chains.delete(name);
  }
}
