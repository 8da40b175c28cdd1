import { bitsOf, type Family, formatAddress, formatPrefix, parseAddress, prefixOf } from '@caracal/net';

/**
 * The canonical text of an address or CIDR as a CIDR (bits beyond the length cleared), or undefined when it is none or
 * of the other family.
 */
export function canonicalCidr(text: string, family: Family): string | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!address || address.family !== family) return undefined;
  const bits = bitsOf(family);
  if (slash < 0) return `${formatAddress(address)}/${bits}`;
  const length = /^\d{1,3}$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : bits + 1;
  return length > bits ? undefined : formatPrefix(prefixOf(address, length));
}

/** The canonical text of an address, or undefined when it is none or of the other family. */
export function canonicalAddress(text: string, family: Family): string | undefined {
  const address = parseAddress(text);
  return address?.family === family ? formatAddress(address) : undefined;
}

/** Whether the text is an address or a CIDR of either family. */
export function isNet(text: string): boolean {
  return canonicalCidr(text, 4) !== undefined || canonicalCidr(text, 6) !== undefined;
}

/**
 * A canonical CIDR in the notation of an ipset of type hash:net: a host has no length there; and it knows no length 0,
 * but two halves do the same.
 */
export function setMembers(cidr: string, family: Family): readonly string[] {
  const slash = cidr.indexOf('/');
  const length = Number(cidr.slice(slash + 1));
  if (length === bitsOf(family)) return [cidr.slice(0, slash)];
  if (length > 0) return [cidr];
  return family === 4 ? ['0.0.0.0/1', '128.0.0.0/1'] : ['::/1', '8000::/1'];
}
