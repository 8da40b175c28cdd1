import { formatIpv6, parseIpv6 } from './ipv6-text.ts';

/** The address families of this project: 4 for IPv4, 6 for IPv6. */
export type Family = 4 | 6;

/**
 * An IP address as its bytes in network order: 4 bytes for IPv4, 16 for IPv6. The bytes are never changed after
 * construction, so an address may share them with a wire buffer that nobody writes to any more.
 */
export interface Address {
  readonly family: Family;
  readonly bytes: Uint8Array;
}

const ipv4Pattern = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/**
 * Parses dotted-quad IPv4 (no leading zeros, RFC 6943 section 3.1.1) or textual IPv6 (RFC 4291 section 2.2, without a
 * zone). Returns undefined for anything else, a prefix length included.
 */
export function parseAddress(text: string): Address | undefined {
  const quad = ipv4Pattern.exec(text);
  if (quad) {
    const bytes = Uint8Array.of(Number(quad[1]), Number(quad[2]), Number(quad[3]), Number(quad[4]));
    for (let i = 0; i < 4; i++) if (Number(quad[i + 1]) > 255) return undefined;
    return { family: 4, bytes };
  }
  const bytes = parseIpv6(text);
  return bytes ? { family: 6, bytes } : undefined;
}

/** The address of the given bytes (4 or 16 of them); throws RangeError on any other length. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length === 4) return { family: 4, bytes };
  if (bytes.length === 16) return { family: 6, bytes };
  throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
}

/** Canonical text: dotted quad, or RFC 5952 for IPv6. */
export function formatAddress(address: Address): string {
  const b = address.bytes;
  return address.family === 4 ? `${b[0]}.${b[1]}.${b[2]}.${b[3]}` : formatIpv6(b);
}

/** An IPv4 address as an unsigned 32-bit number. */
export function ipv4ToNumber(address: Address): number {
  const b = address.bytes;
  return ((b[0] << 24) | (b[1] << 16) | (b[2] << 8) | b[3]) >>> 0;
}

/** The IPv4 address of an unsigned 32-bit number. */
export function ipv4FromNumber(value: number): Address {
  return { family: 4, bytes: Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255) };
}

/** Orders by family, then numerically: negative, zero or positive, as Array.prototype.sort wants it. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  for (let i = 0; i < a.bytes.length; i++) if (a.bytes[i] !== b.bytes[i]) return a.bytes[i] - b.bytes[i];
  return 0;
}

export function addressesEqual(a: Address, b: Address): boolean {
  return compareAddresses(a, b) === 0;
}

/**
 * The address `offset` (0 to 2^53 − 1) above `base`, or undefined when it would leave the family's space.
 */
export function addOffset(base: Address, offset: number): Address | undefined {
  const bytes = Uint8Array.from(base.bytes);
  let carry = offset;
  for (let i = bytes.length - 1; i >= 0 && carry > 0; i--) {
    const sum = bytes[i] + (carry % 256);
    bytes[i] = sum & 255;
    carry = Math.floor(carry / 256) + (sum >> 8);
  }
  return carry > 0 ? undefined : { family: base.family, bytes };
}

/** How far `address` lies above `base`, of the same family; undefined when below it or further than 2^53 − 1. */
export function offsetFrom(base: Address, address: Address): number | undefined {
  let distance = 0n;
  for (let i = 0; i < base.bytes.length; i++) distance = distance * 256n + BigInt(address.bytes[i] - base.bytes[i]);
  return distance < 0n || distance > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(distance);
}

/** The family of a text that is known to be an address or a CIDR: a colon stands in those of IPv6 alone (RFC 4291 section 2.2). */
export function familyOf(text: string): Family {
  return text.includes(':') ? 6 : 4;
}

/** `host:port` as URLs have it: an IPv6 address goes into brackets (RFC 3986 section 3.2.2). */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
