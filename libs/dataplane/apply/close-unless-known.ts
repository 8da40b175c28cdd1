import type { Family } from '@caracal/net';
import { buildTransaction, createRestoreWriter, diffTable, isEmptyEdit, type Processes } from 'iptables-wrapper';
import { chains } from '../render/names.ts';
import { closedFilterChains, filterJumps } from '../render/static-chains.ts';
import { readFilter } from './kernel-state.ts';
import { failureMessage } from './refused-chains.ts';
import { ownsChain } from './table-belief.ts';

/**
 * Sees to it that nothing of a family passes pods' interfaces while nothing is known of it, in one transaction; what a process before us
 * made stands, and is `known`. Answers with what was not so, too. No process is kept for it: a node may never have pods of the family. Rejects when the kernel refuses.
 */
export async function closeUnlessKnown(
  family: Family,
  processes: Processes,
  timeoutMs: number,
): Promise<{ readonly known: boolean; readonly repaired: readonly string[] }> {
  const saved = await readFilter(processes, family);
  const edit = diffTable(saved, { table: 'filter', chains: closedFilterChains, jumps: filterJumps }, ownsChain);
  // The rules of pods lead through the dispatch tree; those that close do not.
  const known = saved?.get(chains.forward)?.rules.some((rule) => !rule.endsWith(' -j DROP')) ?? false;
  if (known || isEmptyEdit(edit)) return { known, repaired: [] };
  const writer = createRestoreWriter({ family, processes, timeoutMs });
  try {
    const transaction = buildTransaction([edit]);
    const result = await writer.apply(transaction);
    if (!result.ok) throw new Error(failureMessage(result, transaction.lines));
  } finally {
    await writer.stop();
  }
  const jumps = edit.insertedRules.map(({ chain }) => `jump from ${chain}`);
  return { known, repaired: [...edit.chains.keys(), ...edit.removedChains, ...jumps] };
}
