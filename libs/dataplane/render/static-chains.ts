import type { Family } from '@caracal/net';
import { hostPortJumps } from './host-ports.ts';
import { hex, type Marks } from './marks.ts';
import { chains, dispatchChain, fixedSets, podInterfaces } from './names.ts';

/*
 * The way of a packet. FORWARD and INPUT lead here first. A packet from a pod's interface goes through the tree to the
 * pod's own chain, one to a pod likewise; these chains drop what is not allowed and return what is, so that whoever comes
 * back to cara-FORWARD is allowed by both ends. Interfaces that the tree does not know end in its DROP.
 *
 * Chains that change often (dispatch, endpoints) use only what iptables-nft translates to nftables itself: addresses,
 * interfaces, mark matches, verdicts. Every other extension, MARK and conntrack among them, makes the kernel wait for an
 * RCU grace period (8 to 24 ms measured) when another transaction has just gone before: nft_compat waits for outstanding
 * destructors. So marks are set in chains of their own, reached by a jump, and a rule that allows goes to cara-accept.
 */

/** The fixed chains of the filter table. */
export function staticFilterChains(family: Family, marks: Marks): ReadonlyMap<string, readonly string[]> {
  const all = hex(marks.accept | marks.pass | marks.match | marks.any);
  const set = (bit: number) => [`-j MARK --set-xmark ${hex(bit)}/${hex(bit)}`];
  const clear = (bit: number) => [`-j MARK --set-xmark 0x0/${hex(bit)}`];
  return new Map<string, readonly string[]>([
    [chains.forward, forwardRules(family, [])],
    [chains.input, inputRules(family)],
    [
      chains.conntrack,
      [
        '-m conntrack --ctstate INVALID -j DROP',
        `-j MARK --set-xmark 0x0/${all}`,
        `-m conntrack --ctstate RELATED,ESTABLISHED -j MARK --set-xmark ${hex(marks.accept)}/${hex(marks.accept)}`,
      ],
    ],
    [chains.accept, set(marks.accept)],
    [chains.pass, set(marks.pass)],
    [chains.clear, [`-j MARK --set-xmark 0x0/${all}`]],
    [chains.clearPass, clear(marks.pass)],
    [chains.setMatch, set(marks.match)],
    [chains.clearMatch, clear(marks.match)],
    [chains.setAny, set(marks.any)],
    [chains.clearAny, clear(marks.any)],
  ]);
}

/**
 * What pods send to the host: what their egress allows goes on to the host's own rules. The way back of ports of the loopback address is
 * open to answers alone. Neighbours must find each other before anything else can be allowed or not (RFC 4861); each pod has a link of its own.
 */
function inputRules(family: Family): string[] {
  const before =
    family === 4
      ? [`-d 127.0.0.0/8 -i ${podInterfaces} -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP`]
      : [135, 136].map((type) => `-i ${podInterfaces} -p ipv6-icmp -m icmp6 --icmpv6-type ${type} -j ACCEPT`);
  return [...before, `-i ${podInterfaces} -j ${dispatchChain('egress', '')}`];
}

/**
 * The way of forwarded packets. `serviceRanges` are announced as ours, so what is still addressed to them after kube-proxy has put a pod's address in
 * its place is for no service: it would go back to the router that sent it, and come again. It is answered as kube-proxy
 * answers for a service without endpoints.
 */
export function forwardRules(family: Family, serviceRanges: readonly string[]): string[] {
  const unreachable = family === 4 ? 'icmp-port-unreachable' : 'icmp6-port-unreachable';
  return [
    `-i ${podInterfaces} -j ${dispatchChain('egress', '')}`,
    `-o ${podInterfaces} -j ${dispatchChain('ingress', '')}`,
    `-i ${podInterfaces} -j ACCEPT`,
    `-o ${podInterfaces} -j ACCEPT`,
    ...serviceRanges.map((cidr) => `-d ${cidr} -j REJECT --reject-with ${unreachable}`),
  ];
}

/** The jumps into them, by built-in chain. */
export const filterJumps: ReadonlyMap<string, string> = new Map([
  ['FORWARD', `-j ${chains.forward}`],
  ['INPUT', `-j ${chains.input}`],
]);

/**
 * What leaves with the node's address: what pods of masquerading pools send to what is outside all pools, what a pod sends to itself by a
 * port of the node, and what processes of the node send to a pod by a port of the loopback address.
 */
export function postroutingRules(family: Family): string[] {
  const { pools, masquerade, hairpin } = fixedSets[family];
  return [
    `-m set --match-set ${masquerade.name} src -m set ! --match-set ${pools.name} dst -j MASQUERADE`,
    `-m set --match-set ${hairpin.name} dst,dst,src -j MASQUERADE`,
    ...(family === 4 ? [`-s 127.0.0.0/8 -o ${podInterfaces} -j MASQUERADE`] : []),
  ];
}

export function natJumps(family: Family): ReadonlyMap<string, string> {
  return new Map([['POSTROUTING', `-j ${chains.postrouting}`], ...hostPortJumps(family)]);
}

/** Before anything is known of IPv6: nothing of it passes pods' interfaces. */
export const closedFilterChains: ReadonlyMap<string, readonly string[]> = new Map([
  [chains.forward, [`-i ${podInterfaces} -j DROP`, `-o ${podInterfaces} -j DROP`]],
  [chains.input, [`-i ${podInterfaces} -j DROP`]],
]);
