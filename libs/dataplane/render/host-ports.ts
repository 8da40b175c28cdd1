import { type Family, formatHostPort } from '@caracal/net';
import { quoteArgument } from 'iptables-wrapper';
import { hostLength } from './family.ts';
import { chainPrefix, chains } from './names.ts';

/** A port of the node that leads to a pod; addresses of one family. */
export interface HostPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostPort: number;
  /** Only this address of the node; any when absent. */
  readonly hostAddress?: string;
  readonly podAddress: string;
  readonly podPort: number;
}

/** So many ports share a chain: a port that comes or goes rewrites what is in its range, however many the node has. */
const rangeSize = 64;

/** The chain of the range in which a port of the node lies. */
export function hostPortChain({ protocol, hostPort }: HostPort): string {
  return `${chainPrefix}hp-${protocol}-${hostPort - (hostPort % rangeSize)}`;
}

/** The rule that leads from the root to such a chain. */
function rangeRule(chain: string): string {
  const [protocol, start] = chain.slice(`${chainPrefix}hp-`.length).split('-');
  const ports = `${start}:${Number(start) + rangeSize - 1}`;
  return `-p ${protocol} -m ${protocol} --dport ${ports} -j ${chain}`;
}

/** The rules of the root, which leads to the ranges that hold anything. */
export function hostPortRoot(ranges: Iterable<string>): string[] {
  return [...ranges].sort().map(rangeRule);
}

/** The rules of a range. Of two that want the same port the later one has it; one address goes before any. */
export function hostPortRules(ports: readonly HostPort[], family: Family): string[] {
  const [some, any] = [ports.filter((port) => port.hostAddress), ports.filter((port) => !port.hostAddress)];
  return [...some.reverse(), ...any.reverse()].map((port) => {
    const { protocol, hostPort, hostAddress, podAddress, podPort } = port;
    const address = hostAddress ? `-d ${hostAddress}/${hostLength[family]} ` : '';
    // The brackets of IPv6 are quoted, as iptables-save does.
    const target = quoteArgument(formatHostPort(podAddress, podPort));
    return `${address}-p ${protocol} -m ${protocol} --dport ${hostPort} -j DNAT --to-destination ${target}`;
  });
}

/** The member of the set of those pods that reach themselves by a port of the node: destination, its port, source. */
export function hairpinMember({ protocol, podAddress, podPort }: HostPort): string {
  return `${podAddress},${protocol}:${podPort},${podAddress}`;
}

/**
 * The jumps for what is addressed to the node itself, from elsewhere and from its own processes. The loopback address of IPv6 can be
 * translated to nothing beyond the node (RFC 4291, section 2.5.3).
 */
export function hostPortJumps(family: Family): ReadonlyMap<string, string> {
  const jump = `-m addrtype --dst-type LOCAL -j ${chains.hostPorts}`;
  return new Map([
    ['PREROUTING', jump],
    ['OUTPUT', family === 4 ? jump : `! -d ::1/128 ${jump}`],
  ]);
}
