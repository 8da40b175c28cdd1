import {
  buildTransaction,
  createIpsetWriter,
  createRestoreWriter,
  diffTable,
  isEmptyEdit,
  type Processes,
  systemProcesses,
} from 'iptables-wrapper';
import { readKernel } from './apply/kernel-state.ts';
import { failureMessage } from './apply/refused-chains.ts';
import { ownsChain } from './apply/table-belief.ts';

const timeoutMs = 10_000;
/** The kernel lets go of a rule's sets some milliseconds after the rule. */
const destroyAttempts = 20;
const destroyPauseMs = 100;

/**
 * Takes every chain, jump and set of ours out of the kernel, whoever made it; for a node that Caracal leaves. Rejects when the kernel refuses.
 * No dataplane may run meanwhile.
 */
export async function removeDataplane(processes: Processes = systemProcesses()): Promise<void> {
  const nothing = { chains: new Map(), jumps: new Map() };
  const names: string[] = [];
  for (const family of [4, 6] as const) {
    const { filter, nat, sets } = await readKernel(processes, family);
    names.push(...sets.keys());
    await write(family, [
      diffTable(filter, { table: 'filter', ...nothing }, ownsChain),
      diffTable(nat, { table: 'nat', ...nothing }, ownsChain),
    ]);
  }

  const ipset = createIpsetWriter({ processes, timeoutMs });
  try {
    for (let attempt = 1, left = names; left.length > 0; attempt++) {
      const destroyed = await ipset.apply(left.map((name) => `destroy ${name}`));
      const kernel = await Promise.all([readKernel(processes, 4), readKernel(processes, 6)]);
      left = kernel.flatMap(({ sets }) => [...sets.keys()]);
      if (left.length === 0) break;
      if (attempt === destroyAttempts) {
        const why = destroyed.ok
          ? ''
          : `: ${'message' in destroyed ? destroyed.message : destroyed.errors[0]?.message}`;
        throw new Error(`sets are still in use: ${left.join(', ')}${why}`);
      }
      await new Promise((resolve) => setTimeout(resolve, destroyPauseMs));
    }
  } finally {
    await ipset.stop();
  }

  async function write(family: 4 | 6, edits: ReturnType<typeof diffTable>[]): Promise<void> {
    if (edits.every(isEmptyEdit)) return;
    const writer = createRestoreWriter({ family, processes, timeoutMs });
    try {
      const transaction = buildTransaction(edits);
      const result = await writer.apply(transaction);
      if (!result.ok) throw new Error(failureMessage(result, transaction.lines));
    } finally {
      await writer.stop();
    }
  }
}
