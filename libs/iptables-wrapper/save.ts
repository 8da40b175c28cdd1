import { canonicalRule } from './canonical.ts';
import { splitArguments } from './tokens.ts';

export type TableName = 'filter' | 'nat' | 'mangle' | 'raw' | 'security';

/** A chain as the kernel holds it. */
export interface SavedChain {
  /** The policy of a built-in chain; undefined for a user's chain. */
  readonly policy: string | undefined;
  /** Canonical texts of the rules, in order. */
  readonly rules: readonly string[];
}

/** The chains of one table by name. */
export type SavedTable = ReadonlyMap<string, SavedChain>;

/**
 * Parses the output of `iptables-save` (with or without `-c`). Tables that it does not mention are absent. Throws on a
 * line that is none of comment, table, chain, rule and COMMIT: then this is no output of iptables-save.
 */
export function parseSave(text: string): ReadonlyMap<TableName, SavedTable> {
  const tables = new Map<TableName, Map<string, { policy: string | undefined; rules: string[] }>>();
  let table: Map<string, { policy: string | undefined; rules: string[] }> | undefined;
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#') || line === 'COMMIT') continue;
    if (line.startsWith('*')) {
      table = new Map();
      // iptables has exactly these five tables.
      tables.set(line.slice(1) as TableName, table);
      continue;
    }
    if (table && line.startsWith(':')) {
      const [name, policy] = line.slice(1).split(' ');
      table.set(name, { policy: policy === '-' ? undefined : policy, rules: [] });
      continue;
    }
    const rule = /^(?:\[\d+:\d+\] )?-A (\S+) ?(.*)$/.exec(line);
    const chain = rule && table?.get(rule[1]);
    if (!rule || !chain) throw new Error(`iptables-save printed a line that is no chain and no rule: ${line}`);
    chain.rules.push(canonicalRule(splitArguments(rule[2])));
  }
  return tables;
}

/** The chain that a rule's canonical text jumps or goes to, also when it is a target such as DROP. */
export function ruleTarget(rule: string): string | undefined {
  return /(?:^| )-[jg] (\S+)/.exec(rule)?.[1];
}
