import { readU32, u32s } from '../bytes.ts';
import { wellKnownCommunities } from '../iana.ts';
import type { LargeCommunity } from './value.ts';

const namesOfWellKnown = new Map<number, string>([
  [wellKnownCommunities.gracefulShutdown, 'graceful-shutdown'],
  [wellKnownCommunities.acceptOwn, 'accept-own'],
  [wellKnownCommunities.llgrStale, 'llgr-stale'],
  [wellKnownCommunities.noLlgr, 'no-llgr'],
  [wellKnownCommunities.blackhole, 'blackhole'],
  [wellKnownCommunities.noExport, 'no-export'],
  [wellKnownCommunities.noAdvertise, 'no-advertise'],
  [wellKnownCommunities.noExportSubconfed, 'no-export-subconfed'],
  [wellKnownCommunities.noPeer, 'no-peer'],
]);

/** `65001:100`, or the name of a well-known one. */
export function formatCommunity(community: number): string {
  return namesOfWellKnown.get(community) ?? `${community >>> 16}:${community & 0xffff}`;
}

/** The community of a text that {@link formatCommunity} writes, or undefined. */
export function parseCommunity(text: string): number | undefined {
  for (const [value, name] of namesOfWellKnown) if (name === text) return value;
  const match = /^(\d{1,5}):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [high, low] = [Number(match[1]), Number(match[2])];
  return high > 0xffff || low > 0xffff ? undefined : ((high << 16) | low) >>> 0;
}

/** Route target and site of origin by name (RFC 4360 sections 4 and 5), others as sixteen hexadecimal digits. */
export function formatExtendedCommunity(community: bigint): string {
  const type = Number(community >> 56n);
  const subtype = Number((community >> 48n) & 0xffn);
  const name = { 2: 'rt', 3: 'soo' }[subtype];
  if (name && type === 0x00) return `${name}:${(community >> 32n) & 0xffffn}:${community & 0xffffffffn}`;
  if (name && type === 0x02) return `${name}:${(community >> 16n) & 0xffffffffn}:${community & 0xffffn}`;
  return `0x${community.toString(16).padStart(16, '0')}`;
}

/** The extended community of a text that {@link formatExtendedCommunity} writes, or undefined. */
export function parseExtendedCommunity(text: string): bigint | undefined {
  if (/^0x[0-9a-f]{16}$/.test(text)) return BigInt(text);
  const match = /^(rt|soo):(\d{1,10}):(\d{1,10})$/.exec(text);
  if (!match) return undefined;
  const subtype = match[1] === 'rt' ? 2n : 3n;
  const [high, low] = [BigInt(match[2]), BigInt(match[3])];
  if (high <= 0xffffn && low <= 0xffffffffn) return (subtype << 48n) | (high << 32n) | low;
  if (high <= 0xffffffffn && low <= 0xffffn) return (2n << 56n) | (subtype << 48n) | (high << 16n) | low;
  return undefined;
}

/** The large community of `65001:1:2`, or undefined. */
export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  const match = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(text);
  if (!match) return undefined;
  const [global, first, second] = match.slice(1).map(Number);
  return Math.max(global, first, second) > 0xffffffff ? undefined : [global, first, second];
}

export function formatLargeCommunity(community: LargeCommunity): string {
  return community.join(':');
}

export function decodeExtended(value: Uint8Array): bigint[] {
  const list: bigint[] = [];
  for (let at = 0; at < value.length; at += 8) {
    list.push((BigInt(readU32(value, at)) << 32n) | BigInt(readU32(value, at + 4)));
  }
  return list;
}

export function encodeExtended(list: readonly bigint[]): Uint8Array {
  return u32s(list.flatMap((community) => [Number(community >> 32n), Number(community & 0xffffffffn)]));
}

/** Twenty octets each (RFC 5701). */
export function decodeIpv6Extended(value: Uint8Array): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (let at = 0; at < value.length; at += 20) list.push(value.slice(at, at + 20));
  return list;
}

/** RFC 8092 section 3: who receives a community twice takes it once. */
export function decodeLarge(value: Uint8Array): LargeCommunity[] {
  const list: LargeCommunity[] = [];
  const seen = new Set<string>();
  for (let at = 0; at < value.length; at += 12) {
    const community: LargeCommunity = [readU32(value, at), readU32(value, at + 4), readU32(value, at + 8)];
    const key = formatLargeCommunity(community);
    if (!seen.has(key)) list.push(community);
    seen.add(key);
  }
  return list;
}
