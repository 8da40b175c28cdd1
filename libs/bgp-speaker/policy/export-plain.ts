import { attributeCodes, attributeFlags, segmentTypes } from 'bgp-parser';
import type { Peer } from '../peer.ts';
import type { AttributeStore } from '../rib/attribute-store.ts';
import { PlainAttributes, plainBits } from '../rib/plain-attributes.ts';
import { isReflected, type Source } from './export.ts';

const { optional, transitive } = attributeFlags;
/** More than any plain list has: seven attributes of at most 255 octets, with headers. */
export const plainExportLength = 2048;
const scanned = new PlainAttributes();

/**
 * Writes the attributes of an IPv4 route as the peer gets them to the beginning of `to`: what `exportAttributes` and
 * the codec would make of a plain list. Returns their length, or −1 when they must take that way.
 */
export function exportPlain(
  peer: Peer,
  source: Source,
  attributes: AttributeStore,
  number: number,
  to: Uint8Array,
): number {
  const own = peer.ownNextHop('ipv4Unicast');
  if (source === 'local' || isReflected(peer, source) || !peer.negotiated?.context.fourOctetAs || own?.family !== 4)
    return -1;
  if (!attributes.scan(number, scanned)) return -1;
  const { pathStart, pathEnd, pathLength } = scanned;
  const from = attributes.slab;
  const pathOctets = peer.external ? Math.max(2, pathEnd - pathStart) + 4 : pathEnd - pathStart;
  if (pathOctets > 255) return -1;
  let at = header(to, 0, transitive, attributeCodes.origin, 1);
  to[at++] = scanned.origin;
  at = header(to, at, transitive, attributeCodes.asPath, pathOctets);
  if (peer.external) {
    to[at++] = segmentTypes.sequence;
    to[at++] = pathLength + 1;
    at = number32(to, at, peer.local.asNumber);
    for (let i = pathStart + 2; i < pathEnd; i++) to[at++] = from[i];
  } else for (let i = pathStart; i < pathEnd; i++) to[at++] = from[i];
  at = header(to, at, transitive, attributeCodes.nextHop, 4);
  // RFC 4271 section 5.1.3: ours towards external peers, kept towards internal ones.
  if (peer.external) for (let i = 0; i < 4; i++) to[at++] = own.bytes[i];
  else {
    at = number32(to, at, scanned.nextHop);
    if (scanned.seen & plainBits.med) {
      at = number32(to, header(to, at, optional, attributeCodes.med, 4), scanned.med);
    }
    at = number32(to, header(to, at, transitive, attributeCodes.localPref, 4), scanned.localPref);
  }
  const end = attributes.endInSlab(number);
  for (let i = scanned.restStart; i < end; i++) to[at++] = from[i];
  return at;
}

function header(to: Uint8Array, at: number, flags: number, code: number, length: number): number {
  to[at] = flags;
  to[at + 1] = code;
  to[at + 2] = length;
  return at + 3;
}

function number32(to: Uint8Array, at: number, value: number): number {
  to[at] = value >>> 24;
  to[at + 1] = value >>> 16;
  to[at + 2] = value >>> 8;
  to[at + 3] = value;
  return at + 4;
}
