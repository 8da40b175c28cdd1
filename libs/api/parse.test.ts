import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { documentOf, formatProblem, type Kind, kindNames, parseAll, parseResource, specSchemas } from './index.ts';

const own = 'caracal.network/v1';
const calico = 'projectcalico.org/v3';

function document(apiVersion: string, kind: string, spec: unknown, metadata: object = { name: 'x' }) {
  return { apiVersion, kind, metadata, spec };
}

/** All problems of a document as lines; the line `right` when there are none, and warnings after `warning: `. */
function verdict(value: unknown): string[] {
  const parsed = parseResource(value);
  if (!parsed.ok) return parsed.problems.map(formatProblem);
  return ['right', ...parsed.warnings.map((warning) => `warning: ${formatProblem(warning)}`)];
}

function specOf(value: unknown): unknown {
  const parsed = parseResource(value);
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  return parsed.resource.spec;
}

const wrong: readonly (readonly [string, unknown, readonly string[]])[] = [
  // The document as a whole.
  ['a word', 'hello', ['"hello" is no resource: a map with apiVersion, kind, metadata, spec']],
  ['no kind', { apiVersion: own, metadata: { name: 'x' } }, ['kind: is missing']],
  ['no apiVersion', { kind: 'Tier' }, ['Tier/(unnamed): apiVersion: is missing: caracal.network/v1, for most kinds']],
  ['a mistyped kind', document(own, 'IPPol', {}), ['IPPol/x: kind: "IPPol" is no kind; did you mean IPPool?']],
  [
    'a kind under the wrong group',
    document('v1', 'IPPool', {}),
    ['IPPool/x: apiVersion: "v1" is not that of IPPool: use caracal.network/v1'],
  ],
  [
    'NetworkPolicy under no group that has one',
    document('extensions/v1beta1', 'NetworkPolicy', {}),
    [
      'NetworkPolicy/x: apiVersion: "extensions/v1beta1" is not that of NetworkPolicy: use caracal.network/v1 or networking.k8s.io/v1',
    ],
  ],
  [
    "Calico's Node",
    document(calico, 'Node', {}),
    ['Node/x: kind: there is no Node here: what Calico keeps on its Node is a NodeConfiguration of the same name here'],
  ],
  [
    'a field beside spec',
    { ...document(own, 'Tier', {}), specs: {} },
    ['Tier/x: specs: unknown field; did you mean spec?'],
  ],
  ['a spec that is a list', document(own, 'Tier', []), ['Tier/x: spec: [] is a list, not a map of fields']],
  // Metadata.
  ['no name', document(own, 'Tier', {}, {}), ['Tier/(unnamed): metadata.name: is missing']],
  [
    'an upper-case name',
    document(own, 'Tier', {}, { name: 'Web_1' }),
    [
      'Tier/Web_1: metadata.name: "Web_1" is no name: use lower-case letters, digits, - and ., beginning and ending with a letter or digit',
    ],
  ],
  [
    'a number as name',
    document(own, 'Tier', {}, { name: 7 }),
    ['Tier/(unnamed): metadata.name: 7 is no text; put it in quotes'],
  ],
  [
    'a namespace on a cluster-wide kind',
    document(own, 'Tier', {}, { name: 'x', namespace: 'shop' }),
    ['Tier/x: metadata.namespace: "shop" is out of place: Tier lies in no namespace'],
  ],
  [
    'a label without quotes',
    document(own, 'GlobalNetworkSet', {}, { name: 'x', labels: { on: true } }),
    ['GlobalNetworkSet/x: metadata.labels["on"]: true is no text; put it in quotes'],
  ],
  [
    'a label with a space',
    document(own, 'GlobalNetworkSet', {}, { name: 'x', labels: { 'a b': 'c d' } }),
    [
      'GlobalNetworkSet/x: metadata.labels["a b"]: "a b" is no key of a label: at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit',
    ],
  ],
  [
    'a mistyped field of metadata',
    document(own, 'Tier', {}, { name: 'x', label: {} }),
    ['Tier/x: metadata.label: unknown field; did you mean labels?'],
  ],
  // IPPool.
  ['a pool without CIDR', document(own, 'IPPool', {}), ['IPPool/x: spec.cidr: is missing: the addresses of the pool']],
  [
    'a bad CIDR',
    document(own, 'IPPool', { cidr: '10.0.0.0/33' }),
    ['IPPool/x: spec.cidr: "10.0.0.0/33" is no CIDR, such as 10.0.0.0/16 or 2001:db8::/48'],
  ],
  [
    'bits beyond the length',
    document(own, 'IPPool', { cidr: '10.0.0.1/16' }),
    ['IPPool/x: spec.cidr: "10.0.0.1/16" has bits set beyond its length; the prefix is 10.0.0.0/16'],
  ],
  [
    'a block size out of bounds',
    document(own, 'IPPool', { cidr: '10.0.0.0/16', blockSize: 33 }),
    ['IPPool/x: spec.blockSize: 33 is not between 20 and 32 for an IPv4 pool'],
  ],
  [
    'an IPv4 block size in an IPv6 pool',
    document(own, 'IPPool', { cidr: '2001:db8::/48', blockSize: 64 }),
    ['IPPool/x: spec.blockSize: 64 is not between 116 and 128 for an IPv6 pool'],
  ],
  [
    'a pool smaller than a block',
    document(own, 'IPPool', { cidr: '10.0.0.0/28' }),
    [
      'IPPool/x: spec.cidr: 10.0.0.0/28 is smaller than one block (/26, the default): set spec.blockSize to 28 or more, or widen the pool',
    ],
  ],
  [
    'unknown, mistyped and ill-typed fields at once',
    document(own, 'IPPool', { cidr: '10.0.0.0/16', blocksize: 26, natOutgoing: 'yes', blockSize: '26' }),
    [
      'IPPool/x: spec.blockSize: "26" is text, not a number',
      'IPPool/x: spec.natOutgoing: "yes" is text, not true or false',
      'IPPool/x: spec.blocksize: unknown field; did you mean blockSize?',
    ],
  ],
  [
    'a fraction',
    document(own, 'IPPool', { cidr: '10.0.0.0/16', blockSize: 26.5 }),
    ['IPPool/x: spec.blockSize: 26.5 is not a whole number'],
  ],
  [
    'an overlay',
    document(calico, 'IPPool', { cidr: '10.0.0.0/16', ipipMode: 'Always', vxlanMode: 'sometimes' }),
    [
      'IPPool/x: spec.ipipMode: Always asks for an overlay, which Caracal does not have; Never is what it does: pod addresses are routed by BGP',
      'IPPool/x: spec.vxlanMode: "sometimes" is not Never',
    ],
  ],
  [
    'a selector that does not parse',
    document(own, 'IPPool', { cidr: '10.0.0.0/16', nodeSelector: 'rack = "a"' }),
    [
      'IPPool/x: spec.nodeSelector: "rack = \\"a\\"" does not parse at character 6: a single = is no operator; write ==',
    ],
  ],
  [
    'a reservation of no address',
    document(own, 'IPReservation', { reservedCIDRs: ['10.0.0.300'] }),
    [
      'IPReservation/x: spec.reservedCIDRs[0]: "10.0.0.300" is no CIDR and no address, such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32',
    ],
  ],
  // BGP.
  [
    'a BGPConfiguration of another name',
    document(own, 'BGPConfiguration', {}, { name: 'node.n1' }),
    [
      'BGPConfiguration/node.n1: metadata.name: "node.n1" is not default: there is one BGPConfiguration, and what differs by node is in NodeConfiguration',
    ],
  ],
  [
    'an AS number out of bounds',
    document(own, 'BGPConfiguration', { asNumber: 0 }, { name: 'default' }),
    ['BGPConfiguration/default: spec.asNumber: 0 is no AS number, from 1 to 4294967295 (or in dotted form, "1.10")'],
  ],
  [
    'an AS number of no type',
    document(own, 'BGPConfiguration', { asNumber: [] }, { name: 'default' }),
    ['BGPConfiguration/default: spec.asNumber: [] is a list, not a number or text'],
  ],
  [
    'a community that is none and one without a definition',
    document(
      own,
      'BGPConfiguration',
      { prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities: ['65000:1', '1:70000', 'blue'] }] },
      { name: 'default' },
    ),
    [
      'BGPConfiguration/default: spec.prefixAdvertisements[0].communities[1]: "1:70000" is neither a community (65000:100) nor a name in spec.communities',
      'BGPConfiguration/default: spec.prefixAdvertisements[0].communities[2]: "blue" is neither a community (65000:100) nor a name in spec.communities',
    ],
  ],
  [
    'service addresses',
    document(calico, 'BGPConfiguration', { serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] }, { name: 'default' }),
    [
      'BGPConfiguration/default: spec.serviceClusterIPs: is not supported yet: addresses of services are not announced, and traffic to them would stay away',
    ],
  ],
  [
    'a peer without address and AS number',
    document(own, 'BGPPeer', {}),
    [
      'BGPPeer/x: spec.peerIP: is missing: the address of the peer (or spec.peerSelector to peer with nodes)',
      'BGPPeer/x: spec.asNumber: is missing: the AS number of the peer',
    ],
  ],
  [
    'a peer with a host name, chosen twice',
    document(own, 'BGPPeer', { peerIP: 'tor1', asNumber: 64512, node: 'n1', nodeSelector: 'all()' }),
    [
      'BGPPeer/x: spec.peerIP: "tor1" is no address of a peer: use 192.0.2.1, 192.0.2.1:1179, 2001:db8::1 or [2001:db8::1]:1179',
      'BGPPeer/x: spec.nodeSelector: stands beside spec.node: a peer has one of them, or neither for all nodes',
    ],
  ],
  [
    'a peer with two ways of choosing nodes',
    document(own, 'BGPPeer', { peerIP: '192.0.2.1', asNumber: 64512, node: 'n1', nodeSelector: 'all()' }),
    ['BGPPeer/x: spec.nodeSelector: stands beside spec.node: a peer has one of them, or neither for all nodes'],
  ],
  [
    'a password',
    document(calico, 'BGPPeer', {
      peerIP: '192.0.2.1',
      asNumber: 64512,
      password: { secretKeyRef: { name: 'a', key: 'b' } },
    }),
    ['BGPPeer/x: spec.password: is not supported yet: the session would be made without it'],
  ],
  [
    'a hold time of two seconds, and no family',
    document(own, 'BGPPeer', { peerIP: '192.0.2.1', asNumber: 64512, holdTimeSeconds: 2, families: [] }),
    [
      'BGPPeer/x: spec.families: is empty: name at least one of ipv4Unicast, ipv6Unicast',
      'BGPPeer/x: spec.holdTimeSeconds: 2 is not a whole number between 3 and 65535',
    ],
  ],
  [
    'a filter with a condition',
    document(calico, 'BGPFilter', { importV4: [{ action: 'Accept', matchOperator: 'In', cidr: '10.0.0.0/8' }] }),
    [
      'BGPFilter/x: spec.importV4[0].cidr: is not supported yet: the rule would match all routes without it',
      'BGPFilter/x: spec.importV4[0].matchOperator: is not supported yet: the rule would match all routes without it',
    ],
  ],
  [
    "an address of the other family in a node's configuration",
    document(own, 'NodeConfiguration', { bgp: { ipv4Address: '2001:db8::1' } }),
    ['NodeConfiguration/x: spec.bgp.ipv4Address: "2001:db8::1" is no IPv4 address, such as 192.0.2.10'],
  ],
  [
    'a reflector',
    document(own, 'NodeConfiguration', { bgp: { routeReflectorClusterID: '192.0.2.1' } }),
    ['NodeConfiguration/x: spec.bgp.routeReflectorClusterID: is not supported yet: nodes do not reflect routes'],
  ],
  // Policy.
  [
    'the tier default changed',
    document(own, 'Tier', { order: 1, defaultAction: 'Pass' }, { name: 'default' }),
    [
      'Tier/default: spec.order: 1 cannot be that of the tier default, which is 1000000; leave it out',
      'Tier/default: spec.defaultAction: Pass cannot be that of the tier default, which is Deny',
    ],
  ],
  [
    'an action in lower case, a rule that is a number',
    document(own, 'NetworkPolicy', { ingress: [{ action: 'allow' }, 3] }),
    [
      'NetworkPolicy/default/x: spec.ingress[0].action: "allow" is not one of Allow, Deny, Pass, Log; did you mean Allow?',
      'NetworkPolicy/default/x: spec.ingress[1]: 3 is a number, not a map of fields',
    ],
  ],
  [
    'a rule without action',
    document(own, 'NetworkPolicy', { ingress: [{}] }),
    ['NetworkPolicy/default/x: spec.ingress[0].action: is missing: one of Allow, Deny, Pass, Log'],
  ],
  [
    'a mistyped field deep in a rule',
    document(own, 'GlobalNetworkPolicy', { ingress: [{ action: 'Deny', source: { net: ['10.0.0.0/8'] } }] }),
    ['GlobalNetworkPolicy/x: spec.ingress[0].source.net: unknown field; did you mean nets?'],
  ],
  [
    'ports without protocol',
    document(own, 'NetworkPolicy', { ingress: [{ action: 'Allow', destination: { ports: [80] } }] }),
    ['NetworkPolicy/default/x: spec.ingress[0].destination.ports: needs protocol TCP, UDP or SCTP beside it, not none'],
  ],
  [
    'ports that are none',
    document(own, 'NetworkPolicy', {
      ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [70000, '90:80', 'a b'] } }],
    }),
    [
      'NetworkPolicy/default/x: spec.ingress[0].destination.ports[0]: 70000 is no port from 0 to 65535',
      'NetworkPolicy/default/x: spec.ingress[0].destination.ports[1]: "90:80" is no range: 90 is above 80',
      'NetworkPolicy/default/x: spec.ingress[0].destination.ports[2]: "a b" is no port: use a number (80), a range ("8000:8010") or the name of a port',
    ],
  ],
  [
    'a protocol that is none, an ICMP type without protocol',
    document(own, 'NetworkPolicy', {
      egress: [
        { action: 'Allow', protocol: 'HTTP' },
        { action: 'Allow', icmp: { type: 8 } },
      ],
    }),
    [
      'NetworkPolicy/default/x: spec.egress[0].protocol: "HTTP" is no protocol: use ICMP, TCP, UDP, ICMPv6, SCTP, UDPLite or a number from 1 to 255',
      'NetworkPolicy/default/x: spec.egress[1].icmp: needs protocol ICMP or ICMPv6 beside it, not none',
    ],
  ],
  [
    'an address of the other version of IP',
    document(own, 'NetworkPolicy', {
      egress: [{ action: 'Allow', ipVersion: 6, destination: { nets: ['10.0.0.0/8'] } }],
    }),
    ['NetworkPolicy/default/x: spec.egress[0].destination.nets[0]: 10.0.0.0/8 is IPv4, and the rule has ipVersion 6'],
  ],
  [
    'matching on HTTP and on services',
    document(calico, 'GlobalNetworkPolicy', {
      egress: [
        { action: 'Allow', http: { methods: ['GET'] }, destination: { services: { name: 'a', namespace: 'b' } } },
      ],
    }),
    [
      'GlobalNetworkPolicy/x: spec.egress[0].http: is not supported yet: the rule would match more than HTTP requests of that form',
      'GlobalNetworkPolicy/x: spec.egress[0].destination.services: is not supported yet: name the addresses or a selector in place of the service',
    ],
  ],
  [
    'a policy before connection tracking',
    document(calico, 'GlobalNetworkPolicy', { doNotTrack: true }),
    ['GlobalNetworkPolicy/x: spec.doNotTrack: true is not supported yet: policies of host endpoints are not enforced'],
  ],
  [
    "a field that only Calico's group may bring",
    document(own, 'GlobalNetworkPolicy', { performanceHints: ['AssumeNeededOnEveryNode'] }),
    ['GlobalNetworkPolicy/x: spec.performanceHints: means nothing here; remove it: it has no effect on the verdict'],
  ],
  [
    'a host endpoint without interface',
    document(own, 'HostEndpoint', { node: 'n1' }),
    ['HostEndpoint/x: spec.interfaceName: is missing: name the interface, or its addresses in spec.expectedIPs'],
  ],
  // Kubernetes.
  [
    "Kubernetes' NetworkPolicy with an empty peer and a mixed one",
    document('networking.k8s.io/v1', 'NetworkPolicy', {
      podSelector: {},
      ingress: [{ from: [{}, { podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }],
    }),
    [
      'KubernetesNetworkPolicy/default/x: spec.ingress[0].from[0]: is empty: name podSelector, namespaceSelector or ipBlock (podSelector: {} is every pod of the namespace)',
      'KubernetesNetworkPolicy/default/x: spec.ingress[0].from[1]: has ipBlock beside a selector: put them in two items of the list',
    ],
  ],
  [
    'an exception outside of its block',
    document('networking.k8s.io/v1', 'NetworkPolicy', {
      egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] }],
    }),
    [
      'KubernetesNetworkPolicy/default/x: spec.egress[0].to[0].ipBlock.except[0]: 11.0.0.0/16 is not strictly within 10.0.0.0/8',
    ],
  ],
  [
    'ports of many wrong sorts',
    document('networking.k8s.io/v1', 'NetworkPolicy', {
      ingress: [
        {
          ports: [
            { port: 0 },
            { port: '80' },
            { port: 90, endPort: 80 },
            { port: 'web', endPort: 80 },
            { protocol: 'tcp' },
          ],
        },
      ],
    }),
    [
      'KubernetesNetworkPolicy/default/x: spec.ingress[0].ports[0].port: 0 is not a whole number between 1 and 65535',
      'KubernetesNetworkPolicy/default/x: spec.ingress[0].ports[1].port: "80" is no name of a port: at most 15 lower-case letters, digits and -, with a letter (a number stands without quotes)',
      'KubernetesNetworkPolicy/default/x: spec.ingress[0].ports[2].endPort: 80 is below port 90',
      'KubernetesNetworkPolicy/default/x: spec.ingress[0].ports[3].endPort: needs a numeric port beside it',
      'KubernetesNetworkPolicy/default/x: spec.ingress[0].ports[4].protocol: "tcp" is not one of TCP, UDP, SCTP; did you mean TCP?',
    ],
  ],
  [
    'values where none belong, and none where they belong',
    document('networking.k8s.io/v1', 'NetworkPolicy', {
      podSelector: {
        matchExpressions: [
          { key: 'a', operator: 'Exists', values: ['b'] },
          { key: 'a', operator: 'In' },
        ],
      },
    }),
    [
      'KubernetesNetworkPolicy/default/x: spec.podSelector.matchExpressions[0].values: is not empty: Exists takes no values',
      'KubernetesNetworkPolicy/default/x: spec.podSelector.matchExpressions[1].values: is empty: In needs at least one value',
    ],
  ],
  [
    'a namespace with dots',
    document('v1', 'Namespace', {}, { name: 'a.b' }),
    [
      'Namespace/a.b: metadata.name: "a.b" is no name: use lower-case letters, digits and -, beginning and ending with a letter or digit',
    ],
  ],
  [
    'a port of a pod out of bounds',
    document('v1', 'Pod', { ports: [{ name: 'web', containerPort: 0 }] }),
    ['Pod/default/x: spec.ports[0].containerPort: 0 is not a whole number between 1 and 65535'],
  ],
  [
    'a node with no address',
    document('v1', 'Node', { ipv4Address: 'here' }),
    ['Node/x: spec.ipv4Address: "here" is no IPv4 address, such as 192.0.2.1'],
  ],
];

const right: readonly (readonly [string, unknown, unknown, (readonly string[])?])[] = [
  [
    'IPPool with defaults',
    document(own, 'IPPool', { cidr: '10.0.0.0/16' }),
    {
      cidr: '10.0.0.0/16',
      blockSize: 26,
      natOutgoing: false,
      disabled: false,
      disableBGPExport: false,
      nodeSelector: 'all()',
      allowedUses: ['Workload', 'Tunnel'],
      assignmentMode: 'Automatic',
      ipipMode: 'Never',
      vxlanMode: 'Never',
    },
  ],
  [
    'IPv6 pool',
    document(own, 'IPPool', { cidr: '2001:DB8:0::/48' }),
    expect.objectContaining({ cidr: '2001:db8::/48', blockSize: 122 }),
  ],
  [
    'IPReservation',
    document(own, 'IPReservation', { reservedCIDRs: ['10.0.0.1'] }),
    { reservedCIDRs: ['10.0.0.1/32'] },
  ],
  [
    'BGPConfiguration',
    document(own, 'BGPConfiguration', { asNumber: '1.10', nodeToNodeMeshEnabled: false }, { name: 'default' }),
    { asNumber: 65546, nodeToNodeMeshEnabled: false, listenPort: 179, communities: [], prefixAdvertisements: [] },
  ],
  [
    "BGPConfiguration of Calico's, with what means nothing",
    document(
      calico,
      'BGPConfiguration',
      { logSeverityScreen: 'Info', bindMode: 'NodeIP', serviceClusterIPs: [] },
      { name: 'default' },
    ),
    { asNumber: 64512, nodeToNodeMeshEnabled: true, listenPort: 179, communities: [], prefixAdvertisements: [] },
    [
      'warning: BGPConfiguration/default: spec.logSeverityScreen: means nothing here and was left out: each process has its own log level',
      'warning: BGPConfiguration/default: spec.bindMode: means nothing here and was left out: sessions are accepted on all addresses of the node',
    ],
  ],
  [
    'BGPPeer',
    document(calico, 'BGPPeer', { peerIP: '[2001:db8::1]:1179', asNumber: 64512, nextHopMode: 'Self' }),
    {
      peerIP: '[2001:db8::1]:1179',
      asNumber: 64512,
      filters: [],
      sourceAddress: 'UseNodeIP',
      keepOriginalNextHop: false,
      passive: false,
      families: ['ipv4Unicast', 'ipv6Unicast'],
      holdTimeSeconds: 90,
    },
  ],
  [
    'BGPPeer by selector, hold time off',
    document(own, 'BGPPeer', { peerSelector: 'has(rr)', nodeSelector: '!has(rr)', holdTimeSeconds: 0 }),
    expect.objectContaining({ peerSelector: 'has(rr)', holdTimeSeconds: 0 }),
  ],
  [
    'BGPFilter',
    document(calico, 'BGPFilter', { importV4: [{ action: 'Reject' }] }),
    { importV4: [{ action: 'Reject' }], importV6: [], exportV4: [], exportV6: [] },
  ],
  [
    'NodeConfiguration',
    document(own, 'NodeConfiguration', { bgp: { asNumber: 65001, ipv4Address: '192.0.2.1/24' } }),
    { bgp: { asNumber: 65001, ipv4Address: '192.0.2.1' } },
  ],
  ['NodeConfiguration without anything', document(own, 'NodeConfiguration', {}), { bgp: {} }],
  ['Tier', document(own, 'Tier', { order: 10 }), { order: 10, defaultAction: 'Deny' }],
  [
    'the tier default as it is',
    document(own, 'Tier', { order: 1000000 }, { name: 'default' }),
    { order: 1000000, defaultAction: 'Deny' },
  ],
  [
    'NetworkPolicy without rules',
    document(own, 'NetworkPolicy', {}),
    { tier: 'default', selector: 'all()', types: ['Ingress'], ingress: [], egress: [], enforcement: 'Enforced' },
  ],
  [
    'NetworkPolicy with values in many forms',
    document(calico, 'NetworkPolicy', {
      order: null,
      egress: [
        {
          action: 'Allow',
          protocol: 'tcp',
          destination: { nets: ['10.0.0.1/8', '192.0.2.1'], ports: ['80', '8000:8010', '9:9', 'web'] },
        },
        { action: 'Log', protocol: 132, notProtocol: 47, source: {} },
      ],
    }),
    expect.objectContaining({
      types: ['Egress'],
      egress: [
        {
          action: 'Allow',
          protocol: 'TCP',
          source: {},
          destination: { nets: ['10.0.0.0/8', '192.0.2.1/32'], ports: [80, '8000:8010', 9, 'web'] },
        },
        { action: 'Log', protocol: 'SCTP', notProtocol: 47, source: {}, destination: {} },
      ],
    }),
  ],
  [
    'GlobalNetworkPolicy',
    document(
      calico,
      'GlobalNetworkPolicy',
      {
        tier: 'security',
        order: 10.5,
        types: ['Ingress', 'Egress'],
        namespaceSelector: 'has(x)',
        performanceHints: ['a'],
      },
      { name: 'x', creationTimestamp: null, resourceVersion: '12' },
    ),
    {
      tier: 'security',
      order: 10.5,
      selector: 'all()',
      namespaceSelector: 'has(x)',
      types: ['Ingress', 'Egress'],
      ingress: [],
      egress: [],
      enforcement: 'Enforced',
      doNotTrack: false,
      preDNAT: false,
      applyOnForward: false,
    },
    [
      'warning: GlobalNetworkPolicy/x: spec.performanceHints: means nothing here and was left out: it has no effect on the verdict',
    ],
  ],
  [
    'KubernetesNetworkPolicy',
    document('networking.k8s.io/v1', 'NetworkPolicy', { egress: [{}], ingress: [{ ports: [{ port: 'web' }] }] }),
    {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      egress: [{}],
      ingress: [{ ports: [{ protocol: 'TCP', port: 'web' }] }],
    },
  ],
  [
    'KubernetesNetworkPolicy by its stored name',
    document('networking.k8s.io/v1', 'KubernetesNetworkPolicy', { policyTypes: [] }),
    { podSelector: {}, policyTypes: ['Ingress'], egress: [], ingress: [] },
  ],
  ['NetworkSet', document(own, 'NetworkSet', { nets: ['10.1.0.0/16'] }), { nets: ['10.1.0.0/16'] }],
  ['GlobalNetworkSet', document(own, 'GlobalNetworkSet', {}), { nets: [] }],
  [
    'HostEndpoint',
    document(own, 'HostEndpoint', { node: 'n1', interfaceName: '*' }),
    { node: 'n1', interfaceName: '*', expectedIPs: [], ports: [] },
    ['warning: HostEndpoint/x: is stored, but policies of host endpoints are not enforced yet'],
  ],
  ['Namespace without spec', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, {}],
  ['ServiceAccount', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a' }, secrets: [] }, {}],
  [
    'a full Pod',
    document('v1', 'Pod', {
      nodeName: 'n1',
      restartPolicy: 'Always',
      containers: [{ name: 'a', image: 'b', ports: [{ name: 'web', containerPort: 80, hostPort: 8080 }] }],
    }),
    { nodeName: 'n1', serviceAccountName: 'default', ports: [{ name: 'web', protocol: 'TCP', containerPort: 80 }] },
  ],
  ['Node', document('v1', 'Node', { ipv4Address: '192.0.2.1', podCIDRs: [] }), { ipv4Address: '192.0.2.1' }],
];

describe('parseResource', () => {
  test.each(wrong)('refuses %s', (_name, value, lines) => {
    expect(verdict(value)).toEqual(lines);
  });

  test.each(right.map(([name, value, spec, warnings = []]) => ({ name, value, spec, warnings })))(
    'accepts $name',
    ({ value, spec, warnings }) => {
      expect(specOf(value)).toEqual(spec);
      expect(verdict(value)).toEqual(['right', ...warnings]);
    },
  );

  test('every kind is in both tables', () => {
    const kindsOf = (values: readonly (readonly [string, unknown, ...unknown[]])[]) =>
      new Set(values.map(([, value]) => (value as { kind?: string }).kind));
    const named = (kind: Kind) => (kind === 'KubernetesNetworkPolicy' ? 'NetworkPolicy' : kind);
    const withoutWrongForm: readonly Kind[] = ['NetworkSet', 'ServiceAccount'];
    for (const kind of kindNames) {
      expect(kindsOf(right)).toContain(named(kind));
      if (!withoutWrongForm.includes(kind)) expect(kindsOf(wrong)).toContain(named(kind));
    }
  });

  test.each(right)('the parsed form of %s parses to itself', (_name, value) => {
    const parsed = parseResource(value);
    if (!parsed.ok) throw new Error('wrong');
    const again = parseResource(documentOf(parsed.resource));
    expect(again).toEqual({ ok: true, resource: parsed.resource, warnings: expect.anything() });
  });

  test('gives a namespaced object the namespace default, and a Namespace its name as a label', () => {
    const policy = parseResource(document(own, 'NetworkPolicy', {}));
    expect(policy.ok && policy.resource.metadata).toEqual({
      name: 'x',
      namespace: 'default',
      labels: {},
      annotations: {},
    });
    const namespace = parseResource({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { a: 'b' } },
    });
    expect(namespace.ok && namespace.resource.metadata.labels).toEqual({
      a: 'b',
      'kubernetes.io/metadata.name': 'shop',
    });
  });
});

describe('parseAll', () => {
  test('numbers documents and refuses an object that appears twice', () => {
    const tier = document(own, 'Tier', {});
    const { resources, problems } = parseAll([tier, document(own, 'Tier', { order: 'x' }, { name: 'y' }), tier]);
    expect(resources.map(({ document: index }) => index)).toEqual([0, 2]);
    expect(problems).toEqual([
      { document: 1, object: 'Tier/y', field: 'spec.order', message: '"x" is text, not a number' },
      { document: 2, object: 'Tier/x', field: 'metadata.name', message: 'stands in document 1 already' },
    ]);
  });
});

test.each(kindNames)('the schema of %s can be written as JSON Schema', (kind) => {
  const schema = z.toJSONSchema(specSchemas[kind], { io: 'input' });
  expect(schema.type).toBe('object');
});
