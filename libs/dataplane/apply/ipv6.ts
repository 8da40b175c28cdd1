import { buildTransaction, createRestoreWriter, diffTable, isEmptyEdit, type Processes } from 'iptables-wrapper';
import { filterJumps, ipv6FilterChains } from '../render/static-chains.ts';
import { readIpv6Filter } from './kernel-state.ts';
import { failureMessage } from './refused-chains.ts';
import { ownsChain } from './table-belief.ts';

/**
 * Sees to it that no IPv6 passes pods' interfaces, in one transaction; answers with what was not so. These rules never
 * change, so no process is kept for them. Rejects when the kernel refuses.
 */
export async function closeIpv6(processes: Processes, timeoutMs: number): Promise<readonly string[]> {
  const saved = await readIpv6Filter(processes);
  const edit = diffTable(saved, { table: 'filter', chains: ipv6FilterChains, jumps: filterJumps }, ownsChain);
  if (isEmptyEdit(edit)) return [];
  const writer = createRestoreWriter({ family: 6, processes, timeoutMs });
  try {
    const transaction = buildTransaction([edit]);
    const result = await writer.apply(transaction);
    if (!result.ok) throw new Error(failureMessage(result, transaction.lines));
  } finally {
    await writer.stop();
  }
  return [...edit.chains.keys(), ...edit.removedChains, ...edit.insertedRules.map(({ chain }) => `jump from ${chain}`)];
}
