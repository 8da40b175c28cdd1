import { type Address, addressesEqual, type Prefix } from '@caracal/net';
import { countInPath, type PathAttributes } from 'bgp-parser';
import type { PolicyAction } from '../config.ts';
import type { Peer } from '../peer.ts';
import { nextHopOf } from '../rib/attribute-store.ts';
import { excluded } from '../rib/path-store.ts';
import type { Filter } from './filter.ts';

/** A peer as far as it decides what is taken from it. */
export type ImportTarget = Pick<Peer, 'config' | 'local' | 'addresses'>;

/**
 * Why a received path takes no part in the decision, whatever the policy says: bits of {@link excluded}, 0 when it
 * does.
 */
export function judgeImport(peer: ImportTarget, attributes: PathAttributes): number {
  let bits = 0;
  // RFC 4271 section 9.1.2: our own AS number in the path is a loop.
  const allowed = peer.config.allowOwnAs ?? 0;
  if (countInPath(attributes.asPath ?? [], peer.local.asNumber) > allowed) bits |= excluded.asLoop;
  const own = peer.local.identifier;
  if (attributes.originatorId === own || attributes.clusterList?.includes(peer.local.clusterId))
    bits |= excluded.reflectionLoop;
  const nextHop = nextHopOf(attributes);
  if (!nextHop || !usable(nextHop, peer)) bits |= excluded.nextHop;
  return bits;
}

/** What the import policy makes of a route: whether it is used, and with which attributes. */
export function importRoute(
  policy: PolicyAction | Filter,
  prefix: Prefix,
  attributes: PathAttributes,
): { readonly action: PolicyAction; readonly changed: PathAttributes } {
  if (typeof policy === 'string') return { action: policy, changed: attributes };
  const { action, rule } = policy.judge({ prefix, attributes, nextHop: nextHopOf(attributes), learned: true });
  return { action, changed: action === 'Accept' ? policy.change(rule, attributes) : attributes };
}

/** RFC 4271 section 6.3: a unicast address that is not ours. */
export function usable(nextHop: Address, peer: Pick<Peer, 'addresses'>): boolean {
  const first = nextHop.bytes[0];
  // Whatever the last octet: neither :: nor ::1 is anyone's.
  const nobody = nextHop.bytes.every((byte, i) => byte === 0 || (i === 15 && byte === 1));
  if (nobody || (nextHop.family === 4 ? first >= 224 || first === 127 : first === 0xff)) return false;
  const { ipv4, ipv6 } = peer.addresses;
  return !(ipv4 && addressesEqual(ipv4, nextHop)) && !(ipv6 && addressesEqual(ipv6, nextHop));
}
