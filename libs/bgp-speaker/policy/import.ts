import { type Address, addressesEqual } from '@caracal/net';
import { countInPath, type PathAttributes, type RouteFamily } from 'bgp-parser';
import { accepts } from '../config.ts';
import type { Peer } from '../peer.ts';
import { nextHopOf } from '../rib/attribute-store.ts';
import { excluded } from '../rib/path-store.ts';

/** Why a received path takes no part in the decision: bits of {@link excluded}, 0 when it does. */
export function judgeImport(peer: Peer, family: RouteFamily, attributes: PathAttributes): number {
  let bits = accepts(peer.config.importAction, family) ? 0 : excluded.byPolicy;
  // RFC 4271 section 9.1.2: our own AS number in the path is a loop.
  if (countInPath(attributes.asPath ?? [], peer.local.asNumber) > 0) bits |= excluded.asLoop;
  const own = peer.local.identifier;
  if (attributes.originatorId === own || attributes.clusterList?.includes(own)) bits |= excluded.reflectionLoop;
  const nextHop = nextHopOf(attributes);
  if (!nextHop || !usable(nextHop, peer)) bits |= excluded.nextHop;
  return bits;
}

/** RFC 4271 section 6.3: a unicast address that is not ours. */
export function usable(nextHop: Address, peer: Peer): boolean {
  const first = nextHop.bytes[0];
  // Whatever the last octet: neither :: nor ::1 is anyone's.
  const nobody = nextHop.bytes.every((byte, i) => byte === 0 || (i === 15 && byte === 1));
  if (nobody || (nextHop.family === 4 ? first >= 224 || first === 127 : first === 0xff)) return false;
  const { ipv4, ipv6 } = peer.addresses;
  return !(ipv4 && addressesEqual(ipv4, nextHop)) && !(ipv6 && addressesEqual(ipv6, nextHop));
}
