import { calico, document, own, type WrongDocument } from './document.ts';

/** Wrong documents: of no kind, with wrong metadata, of addresses and BGP. */
export const wrongDocuments: readonly WrongDocument[] = [
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
    'a pool for load balancers and for more',
    document(own, 'IPPool', { cidr: '192.0.2.0/24', allowedUses: ['LoadBalancer', 'Workload', 'Tunnel'] }),
    [
      'IPPool/x: spec.allowedUses: LoadBalancer excludes Workload and Tunnel in one pool: write [LoadBalancer], and make another pool for the rest',
    ],
  ],
  [
    'a pool for load balancers of some nodes',
    document(own, 'IPPool', { cidr: '192.0.2.0/24', allowedUses: ['LoadBalancer'], nodeSelector: "rack == 'a'" }),
    ['IPPool/x: spec.nodeSelector: no node claims a block of a pool for LoadBalancer: leave it out, or write all()'],
  ],
  [
    'a pool for some namespaces',
    document(own, 'IPPool', { cidr: '10.0.0.0/16', namespaceSelector: 'has(team)' }),
    ['IPPool/x: spec.namespaceSelector: is not supported yet: pods of all namespaces would get addresses of the pool'],
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
    "each load balancer's address by itself",
    document(calico, 'BGPConfiguration', { serviceLoadBalancerAggregation: 'Disabled' }, { name: 'default' }),
    [
      'BGPConfiguration/default: spec.serviceLoadBalancerAggregation: is not supported yet: addresses of load balancers are announced as their CIDR',
    ],
  ],
  [
    'a range of services with bits beyond its length',
    document(own, 'BGPConfiguration', { serviceClusterIPs: [{ cidr: '10.96.0.1/12' }] }, { name: 'default' }),
    [
      'BGPConfiguration/default: spec.serviceClusterIPs[0].cidr: "10.96.0.1/12" has bits set beyond its length; the prefix is 10.96.0.0/12',
    ],
  ],
  [
    "an empty field of Calico's in our own group",
    document(own, 'BGPConfiguration', { nodeMeshPassword: {} }, { name: 'default' }),
    ['BGPConfiguration/default: spec.nodeMeshPassword: is not supported yet: sessions would be made without it'],
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
    'a peer by prefix and address, with several AS numbers',
    document(own, 'BGPPeer', { peerPrefix: '192.0.2.0/24', peerIP: '192.0.2.1', asNumber: 64512, asNumbers: {} }),
    [
      'BGPPeer/x: spec.peerPrefix: stands beside spec.peerIP: a peer has one of them',
      'BGPPeer/x: spec.asNumbers: stands beside spec.asNumber: a peer has one of them',
    ],
  ],
  [
    'a limit of sessions without a prefix',
    document(own, 'BGPPeer', { peerIP: '192.0.2.1', asNumber: 64512, sessionLimit: 5 }),
    ['BGPPeer/x: spec.sessionLimit: needs spec.peerPrefix: it is for peers that are known by a prefix'],
  ],
  [
    'a prefix with bits beyond its length',
    document(own, 'BGPPeer', { peerPrefix: '192.0.2.1/24', asNumbers: {} }),
    ['BGPPeer/x: spec.peerPrefix: "192.0.2.1/24" is no prefix such as 192.0.2.0/24 (no bits beyond its length)'],
  ],
  [
    'a prefix of link-local addresses, and no AS number between two',
    document(own, 'BGPPeer', { peerPrefix: 'fe80::/64', asNumbers: { min: 3, max: 2 } }),
    [
      'BGPPeer/x: spec.peerPrefix: "fe80::/64" is of link-local addresses: use spec.interface for the peer on a link',
      'BGPPeer/x: spec.asNumbers: 3 to 2 is empty: min is above max',
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
    ['BGPPeer/x: spec.password: is not supported yet: use passwordFile: passwords never enter the store'],
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
    'a filter with a condition on interfaces',
    document(calico, 'BGPFilter', { importV4: [{ action: 'Accept', interface: 'eth0' }] }),
    ['BGPFilter/x: spec.importV4[0].interface: is not supported yet: the rule would match all routes without it'],
  ],
  [
    'filters whose rules contradict themselves',
    document(own, 'BGPFilter', {
      importV4: [{ action: 'Accept', cidr: '10.0.0.0/8' }],
      importV6: [{ action: 'Accept', cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 9, max: 8 } }],
      exportV4: [{ action: 'Reject', operations: [{ setMED: 1, setLocalPref: 1 }] }],
      exportV6: [{ action: 'Accept', communities: { values: ['1;2'] } }],
    }),
    [
      'BGPFilter/x: spec.importV4[0].matchOperator: is missing beside cidr: In, NotIn, Equal or NotEqual',
      'BGPFilter/x: spec.importV6[0].cidr: is no IPv6 prefix',
      'BGPFilter/x: spec.importV6[0].prefixLength: min 9 is above max 8',
      'BGPFilter/x: spec.exportV4[0].operations[0]: has 2 operations: one an entry, in the order in which they apply',
      'BGPFilter/x: spec.exportV4[0].operations: change nothing of a route that is rejected',
      'BGPFilter/x: spec.exportV6[0].communities.values[0]: "1;2" is no community: use 65000:100, a well-known name (no-export), 65000:1:2, rt:65000:100, soo:65000:100 or 0x and 16 digits',
    ],
  ],
  [
    "an address of the other family in a node's configuration",
    document(own, 'NodeConfiguration', { bgp: { ipv4Address: '2001:db8::1' } }),
    ['NodeConfiguration/x: spec.bgp.ipv4Address: "2001:db8::1" is no IPv4 address, such as 192.0.2.10'],
  ],
  [
    'a reflector',
    document(own, 'NodeConfiguration', { bgp: { routeReflectorClusterID: 'rack-1' } }),
    ['NodeConfiguration/x: spec.bgp.routeReflectorClusterID: "rack-1" is no IPv4 address, such as 192.0.2.1'],
  ],
  [
    'a traffic policy in lower case',
    document('v1', 'Service', { externalTrafficPolicy: 'local' }),
    ['Service/default/x: spec.externalTrafficPolicy: "local" is not one of Cluster, Local; did you mean Local?'],
  ],
  [
    'a slice of no service',
    document('discovery.k8s.io/v1', 'EndpointSlice', { nodes: ['n1'] }),
    ['EndpointSlice/default/x: spec.service: is missing: the Service, in the same namespace'],
  ],
];
