import { type Address, parseAddress, parsePrefix } from '@caracal/net';
import type { DesiredSets } from '../state/desired-sets.ts';
import type { SetLine } from './set-lines.ts';

/** Changes members of sets without a process: what a pod that comes or goes needs. `openSetSocket` of @caracal/netlink is one. */
export interface DirectSets {
  /** Carries out all of them, or answers that something went wrong. What is so already is a success. */
  change(
    changes: readonly {
      readonly set: string;
      readonly address: Address;
      readonly prefixLength?: number;
      readonly present: boolean;
    }[],
  ): { readonly ok: boolean };
}

/** More are as fast by ipset, and whoever waits for something else need not wait for them. */
const mostChanges = 64;
/** The kernel may build a set anew when it grows, with this thread waiting: a millisecond with so many members. */
const mostMembers = 10_000;

/** Whether the lines were carried out; false also when it would not be quick, or when ipset will know better why it cannot be done. */
export function changeDirectly(direct: DirectSets, lines: readonly SetLine[], desired: DesiredSets): boolean {
  if (lines.length > mostChanges) return false;
  const changes = [];
  for (const { set, change } of lines) {
    const known = desired.get(set);
    if (!change || known?.type !== 'hash:net' || known.members.size > mostMembers) return false;
    const net = parseNet(change.member);
    if (!net) return false;
    changes.push({ set, ...net, present: change.present });
  }
  return direct.change(changes).ok;
}

/** A member of a set of type hash:net, where an address by itself has no length. */
function parseNet(member: string): { readonly address: Address; readonly prefixLength?: number } | undefined {
  const address = parseAddress(member);
  if (address) return { address };
  const prefix = parsePrefix(member);
  return prefix && { address: prefix.address, prefixLength: prefix.length };
}
