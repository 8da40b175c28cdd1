import { type Family, parseAddress, parsePrefix } from '@caracal/net';

/*
 * The two families differ in names and in how rules are written, not in what they say. Each has its own tables, and sets.
 */

/** The length of one address. */
export const hostLength = { 4: 32, 6: 128 } as const;

/** Every address. */
export const everything = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** An address or CIDR as iptables prints it; 'other' for one of the other family, undefined for none. */
export function netOf(text: string, family: Family): string | 'other' | undefined {
  const address = parseAddress(text);
  if (address) return address.family === family ? `${text}/${hostLength[family]}` : 'other';
  const prefix = parsePrefix(text);
  if (!prefix) return undefined;
  return prefix.address.family === family ? text : 'other';
}
