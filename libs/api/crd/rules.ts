/**
 * What the schemas' refinements judge within one object, as CEL for the API server. A rule may let through what the operator then refuses by a
 * condition (a selector that does not parse), but never refuses what {@link parseResource} accepts; a test holds both against one table.
 */
import type { Kind } from '../kinds.ts';
import type { StructuralSchema } from './structural.ts';

interface Rule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/** Rules of the object as a whole, where its name is known. */
export const objectRules: Partial<Record<Kind, readonly Rule[]>> = {
  BGPConfiguration: [
    {
      rule: "self.metadata.name == 'default'",
      message: 'there is one BGPConfiguration, named default; what differs by node is in NodeConfiguration',
    },
  ],
  Tier: [
    {
      rule: "self.metadata.name != 'default' || !has(self.spec.order) || self.spec.order == 1000000.0",
      message: 'the order of the tier default is 1000000; leave it out',
    },
    {
      rule: "self.metadata.name != 'default' || self.spec.defaultAction == 'Deny'",
      message: 'the defaultAction of the tier default is Deny',
    },
  ],
};

const lengthOf = "int(self.cidr.split('/')[1])";
const isV6 = "self.cidr.contains(':')";
const isForServices = "'LoadBalancer' in self.allowedUses";
const notSupported = (field: string, why: string): Rule => ({
  rule: `!self.${field}`,
  message: `true is not supported yet: ${why}`,
  fieldPath: `.${field}`,
});

/** Rules of the spec. */
const specRules: Partial<Record<Kind, readonly Rule[]>> = {
  IPPool: [
    {
      rule: '!isCIDR(self.cidr) || cidr(self.cidr).masked() == cidr(self.cidr)',
      message: 'has bits set beyond its length',
      fieldPath: '.cidr',
    },
    {
      rule: `!has(self.blockSize) || (${isV6} ? self.blockSize >= 116 && self.blockSize <= 128 : self.blockSize >= 20 && self.blockSize <= 32)`,
      message: 'must be between 20 and 32 for an IPv4 pool, between 116 and 128 for an IPv6 pool',
      fieldPath: '.blockSize',
    },
    {
      rule: `!isCIDR(self.cidr) || ${lengthOf} <= (has(self.blockSize) ? self.blockSize : (${isV6} ? 122 : 26))`,
      message: 'the pool is smaller than one block: set blockSize to the length of the CIDR or more, or widen the pool',
      fieldPath: '.cidr',
    },
    {
      rule: "!has(self.namespaceSelector) || self.namespaceSelector.trim() in ['', 'all()'] || self.namespaceSelector.startsWith('all()')",
      message: 'is not supported yet: pods of all namespaces would get addresses of the pool',
      fieldPath: '.namespaceSelector',
    },
    {
      rule: `!(${isForServices}) || self.allowedUses.all(use, use == 'LoadBalancer')`,
      message: 'LoadBalancer excludes other uses in one pool: write [LoadBalancer], and make another pool for the rest',
      fieldPath: '.allowedUses',
    },
    {
      rule: `!(${isForServices}) || self.nodeSelector.trim() == '' || self.nodeSelector.trim().startsWith('all()')`,
      message: 'no node claims a block of a pool for LoadBalancer: leave it out, or write all()',
      fieldPath: '.nodeSelector',
    },
  ],
  BGPPeer: [
    {
      rule: '!(has(self.node) && has(self.nodeSelector))',
      message: 'stands beside spec.node: a peer has one of them, or neither for all nodes',
      fieldPath: '.nodeSelector',
    },
    {
      rule: '!(has(self.peerSelector) && has(self.peerIP))',
      message: 'stands beside spec.peerSelector: a peer has one of them',
      fieldPath: '.peerIP',
    },
    {
      rule: '!(has(self.peerSelector) && has(self.asNumber))',
      message: "stands beside spec.peerSelector: the AS number is then that of the selected nodes' configuration",
      fieldPath: '.asNumber',
    },
    {
      rule: '!(has(self.interface) && has(self.peerIP))',
      message: 'stands beside spec.interface: a peer has one of them',
      fieldPath: '.peerIP',
    },
    {
      rule: '!(has(self.peerSelector) && has(self.interface))',
      message: 'stands beside spec.peerSelector: a peer has one of them',
      fieldPath: '.interface',
    },
    {
      rule: '!(has(self.interface) && has(self.passwordFile))',
      message: 'needs the address of the peer, which spec.interface does not say',
      fieldPath: '.passwordFile',
    },
    {
      rule: '!(has(self.interface) && has(self.ttlSecurity))',
      message: 'needs the address of the peer, which spec.interface does not say',
      fieldPath: '.ttlSecurity',
    },
    ...['peerIP', 'interface', 'peerSelector'].map((field) => ({
      rule: `!(has(self.peerPrefix) && has(self.${field}))`,
      message: `stands beside spec.${field}: a peer has one of them`,
      fieldPath: '.peerPrefix',
    })),
    ...['asNumber', 'remoteAS'].map((field) => ({
      rule: `!(has(self.asNumbers) && has(self.peerPrefix) && has(self.${field}))`,
      message: `stands beside spec.${field}: a peer has one of them`,
      fieldPath: '.asNumbers',
    })),
    ...['sessionLimit', 'asNumbers'].map((field) => ({
      rule: `!has(self.${field}) || has(self.peerPrefix)`,
      message: 'needs spec.peerPrefix: it is for peers that are known by a prefix',
      fieldPath: `.${field}`,
    })),
    {
      rule: '!(has(self.asNumber) && has(self.remoteAS))',
      message: 'stands beside spec.asNumber: a peer has one of them',
      fieldPath: '.remoteAS',
    },
    {
      rule: '!(has(self.peerSelector) && has(self.remoteAS))',
      message: 'stands beside spec.peerSelector: nodes have AS numbers',
      fieldPath: '.remoteAS',
    },
    {
      rule: 'has(self.peerSelector) || has(self.peerIP) || has(self.interface) || has(self.peerPrefix)',
      message: 'is missing: the address of the peer (or spec.peerSelector to peer with nodes)',
      fieldPath: '.peerIP',
    },
    {
      rule: 'has(self.peerSelector) || has(self.asNumber) || has(self.remoteAS) || has(self.asNumbers)',
      message: 'is missing: the AS number of the peer',
      fieldPath: '.asNumber',
    },
  ],
  GlobalNetworkPolicy: ['doNotTrack', 'preDNAT', 'applyOnForward'].map((field) =>
    notSupported(field, 'policies of host endpoints are not enforced'),
  ),
  HostEndpoint: [
    {
      rule: 'has(self.interfaceName) || has(self.expectedIPs) && size(self.expectedIPs) > 0',
      message: 'is missing: name the interface, or its addresses in spec.expectedIPs',
      fieldPath: '.interfaceName',
    },
  ],
};

/** Protocols without ports, as they are mostly written; the API server's limit on the cost of rules forbids to compare in any case. */
const withoutPorts = "(self.protocol in ['ICMP', 'ICMPv6', 'UDPLite'])";
const someOf = (side: string, field: string) => `has(self.${side}.${field}) && size(self.${side}.${field}) > 0`;

/** Rules of one item of `ingress` or `egress` of a policy. */
const policyRuleRules: readonly Rule[] = [
  ...['source', 'destination'].map((side) => ({
    rule: `!(${someOf(side, 'ports')} || ${someOf(side, 'notPorts')}) || has(self.protocol) && !${withoutPorts}`,
    message: 'ports and notPorts need protocol TCP, UDP or SCTP beside it',
    fieldPath: `.${side}`,
  })),
  ...['icmp', 'notICMP'].map((field) => ({
    rule: `!has(self.${field}) || has(self.protocol) && !(self.protocol in ['TCP', 'tcp', 'UDP', 'udp', 'SCTP', 'sctp'] || self.protocol in [6, 17, 132])`,
    message: 'needs protocol ICMP or ICMPv6 beside it',
    fieldPath: `.${field}`,
  })),
  {
    rule: '(!has(self.icmp) || !has(self.icmp.code) || has(self.icmp.type)) && (!has(self.notICMP) || !has(self.notICMP.code) || has(self.notICMP.type))',
    message: 'an ICMP code needs a type beside it',
  },
  {
    rule: "!(has(self.protocol) && has(self.ipVersion)) || !(self.ipVersion == 6 && (self.protocol in ['ICMP', 'icmp'] || self.protocol in [1]))",
    message: 'ICMP is of IPv4; for ipVersion 6 use ICMPv6',
    fieldPath: '.protocol',
  },
  {
    rule: "!(has(self.protocol) && has(self.ipVersion)) || !(self.ipVersion == 4 && (self.protocol in ['ICMPv6', 'icmpv6'] || self.protocol in [58]))",
    message: 'ICMPv6 is of IPv6; for ipVersion 4 use ICMP',
    fieldPath: '.protocol',
  },
];

/** The schema of a spec with the rules of its kind in their places. */
export function withRules(kind: Kind, spec: StructuralSchema): StructuralSchema {
  const rules = specRules[kind];
  const ruled = rules ? { ...spec, 'x-kubernetes-validations': rules } : spec;
  if (kind !== 'NetworkPolicy' && kind !== 'GlobalNetworkPolicy') return ruled;
  const properties = { ...ruled.properties };
  for (const direction of ['ingress', 'egress']) {
    const list = properties[direction];
    properties[direction] = { ...list, items: { ...list.items, 'x-kubernetes-validations': policyRuleRules } };
  }
  return { ...ruled, properties };
}
