import type { Family } from '@caracal/net';
import { protocolName } from 'iptables-wrapper';

/** A conjunction of matches that fits into one iptables rule; each place can be taken once. */
export interface Conjunction {
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: string;
  /** By the protocol's own match; a match of `multiport` is one of those below. */
  readonly destinationPort?: string;
  /** Matches of extensions, of which there can be any number. */
  readonly matches: readonly string[];
}

export const always: Conjunction = { matches: [] };

/** The text of the matches in the order in which iptables prints them; empty when everything matches. */
export function conjunctionText({ source, destination, protocol, destinationPort, matches }: Conjunction): string {
  const parts = [source, destination, protocol, destinationPort, ...matches];
  return parts.filter((part) => part !== undefined).join(' ');
}

/** Both at once, or undefined when they need the same place. */
export function both(a: Conjunction, b: Conjunction): Conjunction | undefined {
  if (a.source && b.source) return undefined;
  if (a.destination && b.destination) return undefined;
  if (a.protocol && b.protocol && a.protocol !== b.protocol) return undefined;
  if (a.destinationPort && b.destinationPort) return undefined;
  return {
    source: a.source ?? b.source,
    destination: a.destination ?? b.destination,
    protocol: a.protocol ?? b.protocol,
    destinationPort: a.destinationPort ?? b.destinationPort,
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

/** The protocols whose ports iptables has compared by nf_tables itself (iptables 1.8.8), by the names of their matches. */
const nativeMatch = new Map([
  [6, 'tcp'],
  [17, 'udp'],
]);

/**
 * The port of that side is in a group that one multiport match takes. A single port or range, which most policies have, is compared by
 * nf_tables itself: faster for each packet, and for each pod that comes, since the kernel asks the matches of all rules whether they may stand
 * where they stand (nft_chain_validate), which takes longest for those of xtables.
 */
export function inPorts(side: Side, protocol: number, ports: string, negated = false): Conjunction {
  const native = nativeMatch.get(protocol);
  if (native && side === 'destination' && !negated && !ports.includes(',')) {
    return { protocol: isProtocol(protocol), destinationPort: `-m ${native} --dport ${ports}`, matches: [] };
  }
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
