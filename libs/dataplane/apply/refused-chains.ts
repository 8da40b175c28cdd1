import {
  buildTransaction,
  findRefused,
  type RestoreFailure,
  type RestoreWriter,
  type TableEdit,
} from 'iptables-wrapper';
import type { TableBelief } from './table-belief.ts';

/** A chain that the kernel refuses, and why. */
export interface RefusedChain {
  readonly chain: string;
  readonly message: string;
}

/** One line for people: what iptables says, and the line that it says it about. */
export function failureMessage(failure: RestoreFailure, lines: readonly string[]): string {
  const line = failure.reason === 'rejected' && failure.line !== undefined ? lines[failure.line] : undefined;
  return line === undefined ? failure.message : `${failure.message} (${line})`;
}

/**
 * The kernel refused an edit and named no chain of `suspects`: finds those that are to blame by writing the others,
 * group by group. Meanwhile a suspect that the kernel has in an older form stays so, and for a new one, to which others may
 * refer already, something stands in. Undefined when the edit is refused without any suspect as well: then nobody's rule is at fault.
 */
export async function findRefusedChains(
  writer: RestoreWriter,
  belief: TableBelief,
  edit: TableEdit,
  suspects: readonly string[],
  standIn: (chain: string) => readonly string[],
): Promise<readonly RefusedChain[] | undefined> {
  const messages = new Map<string, string>();
  let current = edit;
  const accepts = async (group: readonly string[]): Promise<boolean> => {
    const chains = new Map(current.chains);
    for (const chain of suspects) {
      if (group.includes(chain)) continue;
      if (belief.has(chain)) chains.delete(chain);
      else chains.set(chain, standIn(chain));
    }
    // What was to be removed may still be referred to by a chain left as it was. Chains are written again and again: whole, since an
    // increment is good for once.
    const part: TableEdit = { ...current, chains, increments: undefined, removedChains: [] };
    const transaction = buildTransaction([part]);
    const result = await writer.apply(transaction);
    if (result.ok) belief.wrote(part);
    else if (group.length === 1) messages.set(group[0], failureMessage(result, transaction.lines));
    return result.ok;
  };
  if (!(await accepts([]))) return undefined;
  // The jumps are in place now.
  current = { ...edit, deletedRules: [], insertedRules: [] };
  const refused = await findRefused(suspects, accepts);
  return refused.map((chain) => ({ chain, message: messages.get(chain) ?? 'iptables refuses it' }));
}
