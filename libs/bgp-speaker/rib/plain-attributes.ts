import { attributeCodes, attributeFlags, readU32, segmentTypes } from 'bgp-parser';

/**
 * Path attributes read where they lie, without objects. Most UPDATEs carry a handful of well-known attributes in the
 * order of their codes: such a list is `plain`. It is byte for byte what `encodeAttributes` would write for it, so it can
 * be interned and passed on as it is. Everything else (and everything malformed) takes the way through the codec.
 */

/** Attributes that a plain list may have; a bit of {@link PlainAttributes.seen} each. */
export const plainBits = { origin: 1, asPath: 2, nextHop: 4, med: 8, localPref: 16 } as const;

const { optional, transitive, extendedLength } = attributeFlags;

/** RFC 1997's communities that keep a route from being passed on begin here: such lists are not plain. */
const firstReservedCommunity = 0xffffff00;

/** What {@link PlainScanner} found: reused from one list to the next. */
export class PlainAttributes {
  /** {@link plainBits} */
  seen = 0;
  origin = 0;
  /** The value of AS_PATH: `bytes[pathStart, pathEnd)`. */
  pathStart = 0;
  pathEnd = 0;
  /** As RFC 4271 section 9.1.2.2 a counts. */
  pathLength = 0;
  /** The first AS number; 0 when the path is empty or begins with a set. */
  neighborAs = 0;
  nextHop = 0;
  med = 0;
  localPref = 100;
  /** Where attributes with codes above LOCAL_PREF begin: they are passed on as they are. */
  restStart = 0;
}

/** Reads `bytes[start, end)` into `found`; false when the list is not plain. AS numbers have four octets. */
export function scanPlainAttributes(bytes: Uint8Array, start: number, end: number, found: PlainAttributes): boolean {
  found.seen = 0;
  found.med = 0;
  found.localPref = 100;
  found.pathLength = 0;
  found.neighborAs = 0;
  found.restStart = end;
  let at = start;
  let previous = 0;
  while (at < end) {
    if (end - at < 3) return false;
    const flags = bytes[at];
    const code = bytes[at + 1];
    const length = bytes[at + 2];
    const value = at + 3;
    // Longer than 255 octets, out of order or twice: not in the form that is kept.
    if (flags & extendedLength || code <= previous || value + length > end) return false;
    previous = code;
    if (!scanAttribute(bytes, at, flags, code, length, found)) return false;
    at = value + length;
  }
  return true;
}

function scanAttribute(
  bytes: Uint8Array,
  at: number,
  flags: number,
  code: number,
  length: number,
  found: PlainAttributes,
): boolean {
  const value = at + 3;
  switch (code) {
    case attributeCodes.origin:
      found.seen |= plainBits.origin;
      found.origin = bytes[value];
      return flags === transitive && length === 1 && found.origin <= 2;
    case attributeCodes.asPath:
      found.seen |= plainBits.asPath;
      return flags === transitive && scanPath(bytes, value, value + length, found);
    case attributeCodes.nextHop:
      found.seen |= plainBits.nextHop;
      found.nextHop = readU32(bytes, value);
      return flags === transitive && length === 4;
    case attributeCodes.med:
      found.seen |= plainBits.med;
      found.med = readU32(bytes, value);
      return flags === optional && length === 4;
    case attributeCodes.localPref:
      found.seen |= plainBits.localPref;
      found.localPref = readU32(bytes, value);
      return flags === transitive && length === 4;
    case attributeCodes.communities: {
      if (found.restStart > at) found.restStart = at;
      if (flags !== (optional | transitive) || length === 0 || length % 4 !== 0) return false;
      for (let i = value; i < value + length; i += 4) if (readU32(bytes, i) >= firstReservedCommunity) return false;
      return true;
    }
    case attributeCodes.largeCommunities:
      if (found.restStart > at) found.restStart = at;
      if (flags !== (optional | transitive) || length === 0 || length % 12 !== 0) return false;
      return length === 12 || allDiffer(bytes, value, length);
    default:
      return false;
  }
}

/** Whether no large community is there twice (at most 21 of them): the codec leaves out what is (RFC 8092 section 3). */
function allDiffer(bytes: Uint8Array, start: number, length: number): boolean {
  for (let a = start; a < start + length; a += 12) {
    for (let b = a + 12; b < start + length; b += 12) {
      let i = 0;
      while (i < 12 && bytes[a + i] === bytes[b + i]) i++;
      if (i === 12) return false;
    }
  }
  return true;
}

/** One sequence of AS numbers, or none at all: a path with sets or more segments takes the way through the codec. */
function scanPath(bytes: Uint8Array, start: number, end: number, found: PlainAttributes): boolean {
  found.pathStart = start;
  found.pathEnd = end;
  if (start === end) return true;
  const count = bytes[start + 1];
  if (bytes[start] !== segmentTypes.sequence || count === 0 || end - start !== 2 + 4 * count) return false;
  for (let at = start + 2; at < end; at += 4) if (readU32(bytes, at) === 0) return false;
  found.pathLength = count;
  found.neighborAs = readU32(bytes, start + 2);
  return true;
}

/** Whether the AS number stands in the path of a list that was found plain. */
export function pathContains(bytes: Uint8Array, found: PlainAttributes, asNumber: number): boolean {
  for (let at = found.pathStart + 2; at < found.pathEnd; at += 4) if (readU32(bytes, at) === asNumber) return true;
  return false;
}
