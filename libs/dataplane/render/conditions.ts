import type { Family } from '@caracal/net';
import { protocolName } from 'iptables-wrapper';

/** A conjunction of matches that fits into one iptables rule; each place can be taken once. */
export interface Conjunction {
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: string;
  /** Matches of extensions, of which there can be any number. */
  readonly matches: readonly string[];
}

export const always: Conjunction = { matches: [] };

/** The text of the matches in the order in which iptables prints them; empty when everything matches. */
export function conjunctionText({ source, destination, protocol, matches }: Conjunction): string {
  const parts = [source, destination, protocol, ...matches];
  return parts.filter((part) => part !== undefined).join(' ');
}

/** Both at once, or undefined when they need the same place. */
export function both(a: Conjunction, b: Conjunction): Conjunction | undefined {
  if (a.source && b.source) return undefined;
  if (a.destination && b.destination) return undefined;
  if (a.protocol && b.protocol && a.protocol !== b.protocol) return undefined;
  return {
    source: a.source ?? b.source,
    destination: a.destination ?? b.destination,
    protocol: a.protocol ?? b.protocol,
    matches: [...a.matches, ...b.matches],
  };
}

export type Side = 'source' | 'destination';

/** The address of that side lies in the prefix, or does not. */
export function inNet(side: Side, net: string, negated = false): Conjunction {
  const match = `${negated ? '! ' : ''}${side === 'source' ? '-s' : '-d'} ${net}`;
  return side === 'source' ? { source: match, matches: [] } : { destination: match, matches: [] };
}

/** The address of that side is in the set; for sets of (address, port) both are. */
export function inSet(side: Side, set: string, withPort: boolean, negated = false): Conjunction {
  const word = side === 'source' ? 'src' : 'dst';
  return { matches: [`-m set ${negated ? '! ' : ''}--match-set ${set} ${withPort ? `${word},${word}` : word}`] };
}

/** The port of that side is in a group that one multiport match takes. */
export function inPorts(side: Side, protocol: number, ports: string, negated = false): Conjunction {
  const option = side === 'source' ? '--sports' : '--dports';
  return {
    protocol: isProtocol(protocol),
    matches: [`-m multiport ${negated ? '! ' : ''}${option} ${ports}`],
  };
}

export function isProtocol(protocol: number, negated = false): string {
  return `${negated ? '! ' : ''}-p ${protocolName(protocol)}`;
}

/** The protocol of the family's ICMP. */
export const icmpProtocol = { 4: 1, 6: 58 } as const;

/** The ICMP type, and code when given. */
export function isIcmp(family: Family, icmp: { type: number; code?: number }, negated = false): Conjunction {
  const text = icmp.code === undefined ? `${icmp.type}` : `${icmp.type}/${icmp.code}`;
  const [match, option] = family === 4 ? ['icmp', '--icmp-type'] : ['icmp6', '--icmpv6-type'];
  return {
    protocol: isProtocol(icmpProtocol[family]),
    matches: [`-m ${match} ${negated ? '! ' : ''}${option} ${text}`],
  };
}
