import { type Family, formatPrefix, type Prefix, prefixOf } from '@caracal/net';
import { readU32 } from './bytes.ts';
import type { RouteFamily } from './context.ts';
import { afi, safi } from './iana.ts';

/** A prefix as an UPDATE names it, with its path identifier when the session uses them (RFC 7911). */
export interface Nlri {
  readonly prefix: Prefix;
  readonly pathId?: number;
}

/**
 * Decodes `bytes[start, end)` as prefixes of one family (RFC 4271 section 4.3: a length in bits, then as many octets as
 * hold them; bits beyond the length have no meaning and are cleared). Returns the reason when it is no such list.
 */
export function decodeNlri(
  bytes: Uint8Array,
  start: number,
  end: number,
  family: Family,
  withPathId: boolean,
): Nlri[] | string {
  const bits = family === 4 ? 32 : 128;
  const list: Nlri[] = [];
  let at = start;
  while (at < end) {
    let pathId: number | undefined;
    if (withPathId) {
      if (end - at < 5) return `${end - at} octets left where a path identifier and a prefix should be`;
      pathId = readU32(bytes, at);
      at += 4;
    }
    const length = bytes[at++];
    if (length > bits) return `prefix length ${length} is more than ${bits}`;
    const octets = (length + 7) >> 3;
    if (octets > end - at) return `prefix of length ${length} needs ${octets} octets, ${end - at} are left`;
    const address = new Uint8Array(bits >> 3);
    for (let i = 0; i < octets; i++) address[i] = bytes[at + i];
    if (length & 7) address[octets - 1] &= 0xff << (8 - (length & 7));
    list.push(
      pathId === undefined
        ? { prefix: { address: { family, bytes: address }, length } }
        : { prefix: { address: { family, bytes: address }, length }, pathId },
    );
    at += octets;
  }
  return list;
}

/** The octets that `nlri` takes on the wire. */
export function nlriLength(nlri: Nlri): number {
  return (nlri.pathId === undefined ? 1 : 5) + ((nlri.prefix.length + 7) >> 3);
}

export function encodeNlri(list: readonly Nlri[]): Uint8Array {
  let total = 0;
  for (const nlri of list) total += nlriLength(nlri);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const nlri of list) {
    if (nlri.pathId !== undefined) {
      bytes[at++] = nlri.pathId >>> 24;
      bytes[at++] = nlri.pathId >>> 16;
      bytes[at++] = nlri.pathId >>> 8;
      bytes[at++] = nlri.pathId;
    }
    const { address, length } = nlri.prefix;
    const octets = (length + 7) >> 3;
    bytes[at++] = length;
    const cleared = length & 7 ? prefixOf(address, length).address.bytes : address.bytes;
    for (let i = 0; i < octets; i++) bytes[at++] = cleared[i];
  }
  return bytes;
}

/** The route family of an AFI and SAFI, or undefined when it is carried opaquely. */
export function routeFamilyOf(afiNumber: number, safiNumber: number): RouteFamily | undefined {
  if (safiNumber !== safi.unicast) return undefined;
  return afiNumber === afi.ipv4 ? 'ipv4Unicast' : afiNumber === afi.ipv6 ? 'ipv6Unicast' : undefined;
}

/** The AFI and SAFI of a route family. */
export function familyNumbers(family: RouteFamily): { afi: number; safi: number } {
  return { afi: family === 'ipv4Unicast' ? afi.ipv4 : afi.ipv6, safi: safi.unicast };
}

/** The address family of a route family's prefixes. */
export function addressFamilyOf(family: RouteFamily): Family {
  return family === 'ipv4Unicast' ? 4 : 6;
}

/** `10.0.0.0/24`, with the path identifier in brackets when there is one. */
export function formatNlri(nlri: Nlri): string {
  return formatPrefix(nlri.prefix) + (nlri.pathId === undefined ? '' : ` [${nlri.pathId}]`);
}
