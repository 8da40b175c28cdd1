import { quoteArgument, splitArguments } from './tokens.ts';

/**
 * Protocol names that iptables may print, from the host's /etc/protocols, by number. The first five are the names in
 * canonical rules; every other protocol is a number there.
 */
const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  'ipv6-icmp': 58,
  sctp: 132,
  icmpv6: 58,
  igmp: 2,
  ggp: 3,
  ipencap: 4,
  st: 5,
  egp: 8,
  igp: 9,
  pup: 12,
  hmp: 20,
  'xns-idp': 22,
  rdp: 27,
  'iso-tp4': 29,
  dccp: 33,
  xtp: 36,
  ddp: 37,
  'idpr-cmtp': 38,
  ipv6: 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  idrp: 45,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  skip: 57,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  rspf: 73,
  vmtp: 81,
  eigrp: 88,
  ospf: 89,
  'ax.25': 93,
  ipip: 94,
  etherip: 97,
  encap: 98,
  pim: 103,
  ipcomp: 108,
  vrrp: 112,
  l2tp: 115,
  isis: 124,
  fc: 133,
  'mobility-header': 135,
  udplite: 136,
  'mpls-in-ip': 137,
  manet: 138,
  hip: 139,
  shim6: 140,
  wesp: 141,
  rohc: 142,
};

const canonicalNames: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'ipv6-icmp',
  132: 'sctp',
};

/** The canonical spelling of an IP protocol number (`tcp`, `50`). */
export function protocolName(protocol: number): string {
  return canonicalNames[protocol] ?? String(protocol);
}

/**
 * The canonical text of a rule's arguments: what iptables-save prints, with protocol names that depend on the host
 * replaced by numbers. Two rules with one canonical text are the same rule.
 */
export function canonicalRule(args: readonly string[]): string {
  const result: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const previous = args[i - 1];
    const argument = args[i];
    if (previous === '-p') {
      const number = protocolNumbers[argument];
      result.push(number === undefined ? argument : protocolName(number));
    } else {
      result.push(quoteArgument(argument));
    }
  }
  return result.join(' ');
}

/** {@link canonicalRule} of a line's text. */
export function canonicalRuleText(text: string): string {
  return canonicalRule(splitArguments(text));
}
