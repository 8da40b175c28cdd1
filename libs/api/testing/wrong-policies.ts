import { calico, document, own, type WrongDocument } from './document.ts';

/** Wrong documents of policy and of Kubernetes' kinds. */
export const wrongPolicies: readonly WrongDocument[] = [
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
