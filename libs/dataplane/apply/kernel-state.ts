import type { Family } from '@caracal/net';
import { type Processes, parseIpsetSave, parseSave, type SavedSet, type SavedTable } from 'iptables-wrapper';
import { setPrefix } from '../render/names.ts';

/** What the kernel holds for a family: the two tables that we write to, everybody's chains, and our sets. */
export interface KernelState {
  readonly filter: SavedTable | undefined;
  readonly nat: SavedTable | undefined;
  readonly sets: ReadonlyMap<string, SavedSet>;
}

const saveCommand = { 4: 'iptables-nft-save', 6: 'ip6tables-nft-save' } as const;

/** Reads it; rejects when a command is missing or fails. */
export async function readKernel(processes: Processes, family: Family): Promise<KernelState> {
  const [rules, sets] = await Promise.all([processes.read(saveCommand[family], []), processes.read('ipset', ['save'])]);
  const tables = parseSave(rules);
  return {
    filter: tables.get('filter'),
    nat: tables.get('nat'),
    sets: parseIpsetSave(sets, (name) => name.startsWith(setPrefix[family])),
  };
}

/** The filter table alone. */
export async function readFilter(processes: Processes, family: Family): Promise<SavedTable | undefined> {
  return parseSave(await processes.read(saveCommand[family], ['-t', 'filter'])).get('filter');
}
