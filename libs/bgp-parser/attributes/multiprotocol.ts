import { type Address, addressFromBytes } from '@caracal/net';
import { concat, readU16, u16 } from '../bytes.ts';
import type { FamilyNumbers } from '../capabilities.ts';
import type { DecodeContext } from '../context.ts';
import { addressFamilyOf, decodeNlri, encodeNlri, familyNumbers, routeFamilyOf } from '../nlri.ts';
import { bad, type DecodedValue, good, type MpReach, type MpUnreach } from './value.ts';

/**
 * Errors here mean that the routes cannot be told: the session is reset, or the family disabled where the octets say which
 * one it is (RFC 7606 sections 5.3 and 7.11).
 */
function reset(message: string, family?: FamilyNumbers): DecodedValue<never> {
  return { ...bad(message), reset: true, family };
}

export function decodeMpReach(value: Uint8Array, context: DecodeContext): DecodedValue<MpReach> {
  if (value.length < 5) return reset(`${value.length} octets are too few`);
  const afi = readU16(value, 0);
  const safi = value[2];
  const nextHopEnd = 4 + value[3];
  if (nextHopEnd + 1 > value.length) {
    return reset(`next hop of ${value[3]} octets reaches past the attribute`, { afi, safi });
  }
  const nextHop = value.slice(4, nextHopEnd);
  const start = nextHopEnd + 1;
  const family = routeFamilyOf(afi, safi);
  if (!family) return good({ family: 'other', afi, safi, nextHop, nlri: value.slice(start) });
  // RFC 2545 section 3: a link-local address may follow the global one; RFC 8950 section 3 for IPv4 routes.
  const allowed = family === 'ipv6Unicast' ? [16, 32] : context.extendedNextHop ? [4, 16, 32] : [4];
  if (!allowed.includes(nextHop.length)) {
    return reset(`next hop has ${nextHop.length} octets instead of ${allowed.join(' or ')}`, { afi, safi });
  }
  const nlri = decodeNlri(value, start, value.length, addressFamilyOf(family), context.addPath.includes(family));
  if (typeof nlri === 'string') return reset(nlri, { afi, safi });
  const width = nextHop.length === 4 ? 4 : 16;
  const nextHops: Address[] = [];
  for (let at = 0; at < nextHop.length; at += width) nextHops.push(addressFromBytes(nextHop.slice(at, at + width)));
  return good({ family, nextHops, nlri });
}

export function encodeMpReach(reach: MpReach): Uint8Array {
  const numbers = reach.family === 'other' ? reach : familyNumbers(reach.family);
  const nextHop = reach.family === 'other' ? reach.nextHop : concat(reach.nextHops.map((address) => address.bytes));
  return concat([
    u16(numbers.afi),
    Uint8Array.of(numbers.safi, nextHop.length),
    nextHop,
    Uint8Array.of(0),
    reach.family === 'other' ? reach.nlri : encodeNlri(reach.nlri),
  ]);
}

export function decodeMpUnreach(value: Uint8Array, context: DecodeContext): DecodedValue<MpUnreach> {
  if (value.length < 3) return reset(`${value.length} octets are too few`);
  const afi = readU16(value, 0);
  const safi = value[2];
  const family = routeFamilyOf(afi, safi);
  if (!family) return good({ family: 'other', afi, safi, nlri: value.slice(3) });
  const nlri = decodeNlri(value, 3, value.length, addressFamilyOf(family), context.addPath.includes(family));
  return typeof nlri === 'string' ? reset(nlri, { afi, safi }) : good({ family, nlri });
}

export function encodeMpUnreach(unreach: MpUnreach): Uint8Array {
  const numbers = unreach.family === 'other' ? unreach : familyNumbers(unreach.family);
  const nlri = unreach.family === 'other' ? unreach.nlri : encodeNlri(unreach.nlri);
  return concat([u16(numbers.afi), Uint8Array.of(numbers.safi), nlri]);
}
