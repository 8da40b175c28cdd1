import type { TableName } from './save.ts';

/** What to change in one table, atomically. */
export interface TableEdit {
  readonly table: TableName;
  /** User chains to create, or to empty when they exist, and fill with these rules (canonical texts). */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Chains among these that are there and become the new ones by a few lines, which costs less than to fill them anew. */
  readonly increments?: ReadonlyMap<string, Increment>;
  /** User chains to remove. Nothing may refer to them when this edit is done. */
  readonly removedChains: readonly string[];
  /** Rules to delete from chains that this edit does not fill, by text: one occurrence each. */
  readonly deletedRules: readonly ChainRule[];
  /** Rules to put first in such chains; the last one given ends up on top. */
  readonly insertedRules: readonly ChainRule[];
}

/** How a chain becomes another one: rules go, by text, or come. */
export interface Increment {
  readonly deleted: readonly string[];
  /** In order; positions count from 1 and are those in the new chain. Without one, at the end. */
  readonly inserted: readonly { readonly rule: string; readonly position?: number }[];
}

export interface ChainRule {
  readonly chain: string;
  readonly rule: string;
}

/** The lines of a transaction for iptables-restore, and for each line the chain that it belongs to. */
export interface Transaction {
  readonly lines: readonly string[];
  readonly chains: readonly (string | undefined)[];
}

/** Whether the edit would change nothing. */
export function isEmptyEdit(edit: TableEdit): boolean {
  return (
    edit.chains.size === 0 &&
    edit.removedChains.length === 0 &&
    edit.deletedRules.length === 0 &&
    edit.insertedRules.length === 0
  );
}

/**
 * The transaction of the edits, empty ones left out. Order inside a table: chains exist before any rule refers to them,
 * references go before the chains that they referred to.
 */
export function buildTransaction(edits: readonly TableEdit[]): Transaction {
  const lines: string[] = [];
  const chains: (string | undefined)[] = [];
  const add = (line: string, chain?: string) => {
    lines.push(line);
    chains.push(chain);
  };
  for (const edit of edits) {
    if (isEmptyEdit(edit)) continue;
    add(`*${edit.table}`);
    const { increments } = edit;
    for (const chain of edit.chains.keys()) if (!increments?.has(chain)) add(`:${chain} - [0:0]`, chain);
    for (const chain of edit.removedChains) add(`:${chain} - [0:0]`, chain);
    for (const [chain, rules] of edit.chains) {
      const increment: Increment = increments?.get(chain) ?? { deleted: [], inserted: rules.map((rule) => ({ rule })) };
      for (const rule of increment.deleted) add(`-D ${chain} ${rule}`, chain);
      for (const { rule, position } of increment.inserted) {
        add(position === undefined ? `-A ${chain} ${rule}` : `-I ${chain} ${position} ${rule}`, chain);
      }
    }
    for (const { chain, rule } of edit.deletedRules) add(`-D ${chain} ${rule}`, chain);
    for (const { chain, rule } of edit.insertedRules) add(`-I ${chain} 1 ${rule}`, chain);
    for (const chain of edit.removedChains) add(`-X ${chain}`, chain);
    add('COMMIT');
  }
  return { lines, chains };
}
