import { expect } from 'vitest';
import { calico, document, own } from './document.ts';

/** What it is, the document, the spec with defaults, and the warnings as lines. */
export const rightDocuments: readonly (readonly [string, unknown, unknown, (readonly string[])?])[] = [
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
    'pool for load balancers',
    document(own, 'IPPool', { cidr: '198.51.100.0/24', allowedUses: ['LoadBalancer'] }),
    expect.objectContaining({ allowedUses: ['LoadBalancer'], nodeSelector: 'all()' }),
  ],
  [
    'IPReservation',
    document(own, 'IPReservation', { reservedCIDRs: ['10.0.0.1'] }),
    { reservedCIDRs: ['10.0.0.1/32'] },
  ],
  [
    'BGPConfiguration',
    document(own, 'BGPConfiguration', { asNumber: '1.10', nodeToNodeMeshEnabled: false }, { name: 'default' }),
    {
      asNumber: 65546,
      nodeToNodeMeshEnabled: false,
      listenPort: 179,
      communities: [],
      prefixAdvertisements: [],
      serviceClusterIPs: [],
      serviceExternalIPs: [],
      serviceLoadBalancerIPs: [],
    },
  ],
  [
    'BGPConfiguration with prefixes to originate',
    document(
      own,
      'BGPConfiguration',
      { originate: [{ cidr: '192.0.2.0/24', communities: ['65000:1'] }] },
      { name: 'default' },
    ),
    expect.objectContaining({ originate: [{ cidr: '192.0.2.0/24', communities: ['65000:1'] }] }),
  ],
  [
    "BGPConfiguration of Calico's, with what means nothing",
    document(
      calico,
      'BGPConfiguration',
      { logSeverityScreen: 'Info', bindMode: 'NodeIP', serviceLoadBalancerAggregation: 'Enabled' },
      { name: 'default' },
    ),
    expect.objectContaining({ asNumber: 64512, nodeToNodeMeshEnabled: true, listenPort: 179 }),
    [
      'warning: BGPConfiguration/default: spec.logSeverityScreen: means nothing here and was left out: each process has its own log level',
      'warning: BGPConfiguration/default: spec.bindMode: means nothing here and was left out: sessions are accepted on all addresses of the node',
    ],
  ],
  [
    "BGPConfiguration of Calico's that announces services",
    document(
      calico,
      'BGPConfiguration',
      { serviceClusterIPs: [{ cidr: '10.96.0.0/12' }], serviceExternalIPs: [{ cidr: '192.0.2.7/32' }] },
      { name: 'default' },
    ),
    expect.objectContaining({
      serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
      serviceExternalIPs: [{ cidr: '192.0.2.7/32' }],
    }),
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
      nextHopMode: 'Self',
      passive: false,
      families: ['ipv4Unicast', 'ipv6Unicast'],
      holdTimeSeconds: 90,
      extendedMessages: false,
      extendedNextHop: false,
      asOverride: false,
      removePrivateAS: false,
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
    { importV4: [{ action: 'Reject', operations: [] }], importV6: [], exportV4: [], exportV6: [] },
  ],
  [
    'BGPFilter with conditions and operations',
    document(calico, 'BGPFilter', {
      exportV4: [
        {
          action: 'Accept',
          cidr: '10.0.0.0/8',
          matchOperator: 'In',
          prefixLength: { min: 16, max: 24 },
          source: 'RemotePeers',
          communities: { values: ['65000:*'] },
          asPathPrefix: [65001],
          operations: [{ addCommunity: { value: '65000:1:2' } }, { prependASPath: { prefix: [65001, 65001] } }],
        },
      ],
    }),
    expect.objectContaining({ exportV4: [expect.objectContaining({ matchOperator: 'In', asPathPrefix: [65001] })] }),
  ],
  [
    'BGPFilter without rules',
    document(own, 'BGPFilter', {}),
    { importV4: [], importV6: [], exportV4: [], exportV6: [] },
  ],
  [
    'NodeConfiguration',
    document(own, 'NodeConfiguration', { bgp: { asNumber: 65001, ipv4Address: '192.0.2.1/24' } }),
    { bgp: { asNumber: 65001, ipv4Address: '192.0.2.1' } },
  ],
  [
    'NodeConfiguration with a limit',
    document(own, 'NodeConfiguration', { ipam: { maxBlocks: 8 } }),
    { bgp: {}, ipam: { maxBlocks: 8 } },
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
    'GlobalNetworkPolicy without rules',
    document(own, 'GlobalNetworkPolicy', { order: 5 }),
    expect.objectContaining({ tier: 'default', order: 5, types: ['Ingress'] }),
  ],
  [
    "GlobalNetworkPolicy of Calico's",
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
  [
    'a full Service',
    document('v1', 'Service', {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.9',
      clusterIPs: ['10.96.0.9', '2001:db8::9'],
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80 }],
    }),
    {
      clusterIPs: ['10.96.0.9', '2001:db8::9'],
      externalIPs: [],
      loadBalancerIPs: [],
      externalTrafficPolicy: 'Local',
    },
  ],
  [
    'a headless Service',
    document('v1', 'Service', { clusterIP: 'None' }),
    { clusterIPs: [], externalIPs: [], loadBalancerIPs: [], externalTrafficPolicy: 'Cluster' },
  ],
  [
    'EndpointSlice',
    document('discovery.k8s.io/v1', 'EndpointSlice', { service: 'web', nodes: ['n1'] }),
    { service: 'web', nodes: ['n1'] },
  ],
];
