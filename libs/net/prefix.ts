import {
  type Address,
  addressFromBytes,
  compareAddresses,
  type Family,
  formatAddress,
  parseAddress,
} from './address.ts';

/** An address prefix: the bits of `address` beyond `length` are zero. */
export interface Prefix {
  readonly address: Address;
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly length: number;
}

/** The number of bits of an address of the family. */
export function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/**
 * Parses `ADDRESS/LENGTH`. Returns undefined when either part is wrong or bits beyond the length are set (use
 * {@link prefixOf} on the address to clear them).
 */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  if (!address || !/^(0|[1-9]\d{0,2})$/.test(lengthText)) return undefined;
  const length = Number(lengthText);
  if (length > bitsOf(address.family)) return undefined;
  const prefix = prefixOf(address, length);
  return compareAddresses(prefix.address, address) === 0 ? prefix : undefined;
}

/** The prefix of the given length that contains the address: bits beyond the length are cleared. */
export function prefixOf(address: Address, length: number): Prefix {
  const bytes = Uint8Array.from(address.bytes);
  for (let i = 0; i < bytes.length; i++) {
    const kept = Math.min(8, Math.max(0, length - 8 * i));
    bytes[i] &= 0xff << (8 - kept);
  }
  return { address: addressFromBytes(bytes), length };
}

/** The /32 or /128 of one address. */
export function hostPrefix(address: Address): Prefix {
  return { address, length: bitsOf(address.family) };
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

/** Whether the address lies in the prefix; false across families. */
export function prefixContains(prefix: Prefix, address: Address): boolean {
  if (prefix.address.family !== address.family) return false;
  const whole = prefix.length >> 3;
  for (let i = 0; i < whole; i++) if (prefix.address.bytes[i] !== address.bytes[i]) return false;
  const rest = prefix.length & 7;
  if (rest === 0) return true;
  return ((prefix.address.bytes[whole] ^ address.bytes[whole]) & (0xff << (8 - rest)) & 0xff) === 0;
}

/** Whether `outer` contains the whole of `inner` (a prefix contains itself). */
export function prefixCovers(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && prefixContains(outer, inner.address);
}

/** Whether the two share an address: one of them covers the other. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return prefixCovers(a, b) || prefixCovers(b, a);
}

/** Orders by family, address, then length (shorter first). */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareAddresses(a.address, b.address) || a.length - b.length;
}

/** How many addresses the prefix holds; exact up to 2^53, Infinity-free but rounded beyond. */
export function prefixSize(prefix: Prefix): number {
  return 2 ** (bitsOf(prefix.address.family) - prefix.length);
}
