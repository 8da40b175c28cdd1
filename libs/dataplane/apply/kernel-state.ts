import { type Processes, parseIpsetSave, parseSave, type SavedSet, type SavedTable } from 'iptables-wrapper';
import { setPrefix } from '../render/names.ts';

/** What the kernel holds for IPv4: the two tables that we write to, everybody's chains, and our sets. */
export interface KernelState {
  readonly filter: SavedTable | undefined;
  readonly nat: SavedTable | undefined;
  readonly sets: ReadonlyMap<string, SavedSet>;
}

/** Reads it; rejects when a command is missing or fails. */
export async function readKernel(processes: Processes): Promise<KernelState> {
  const [rules, sets] = await Promise.all([processes.read('iptables-nft-save', []), processes.read('ipset', ['save'])]);
  const tables = parseSave(rules);
  return {
    filter: tables.get('filter'),
    nat: tables.get('nat'),
    sets: parseIpsetSave(sets, (name) => name.startsWith(setPrefix)),
  };
}

/** The filter table of IPv6. */
export async function readIpv6Filter(processes: Processes): Promise<SavedTable | undefined> {
  return parseSave(await processes.read('ip6tables-nft-save', ['-t', 'filter'])).get('filter');
}
