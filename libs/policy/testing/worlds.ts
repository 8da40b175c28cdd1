/** Random worlds over a small vocabulary, so that things meet: few labels, addresses and ports. For fast-check. */
import { type AnyResource, formatSelector, type Selector } from '@caracal/api';
import fc from 'fast-check';
import type { WorldPod } from '../evaluator/types.ts';
import type { NamedPort } from '../updates.ts';
import { core, kubernetes, own } from './resources.ts';

const namespaces = ['shop', 'bank', 'lab'];
const keys = ['app', 'tier', 'pci'];
const values = ['api', 'db', 'web'];
const namespace = fc.constantFrom(...namespaces);
const key = fc.constantFrom(...keys);
const value = fc.constantFrom(...values);
const labels = fc.dictionary(key, value, { maxKeys: 3 });
const serviceAccount = fc.constantFrom('default', 'robot');
const port = fc.constantFrom(80, 81, 443);
const portName = fc.constantFrom('http', 'dns');

/** Pods have 10.0.0.1 and up; CIDRs cut through them. */
const net = fc.constantFrom('10.0.0.0/30', '10.0.0.4/30', '10.0.0.2/32', '10.0.0.0/8', '0.0.0.0/0', '192.0.2.0/24');
const address = fc.constantFrom('192.0.2.1', '198.51.100.1', '10.0.0.3', '10.9.9.9');

/** The usual value or, now and then, another: a rule with every condition that there is matches nothing. */
function mostly<T>(usual: T, rare: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare });
}

const objectKey = fc.oneof(
  { weight: 6, arbitrary: key },
  { weight: 1, arbitrary: fc.constantFrom('pcns.app', 'pcsa.tier', 'pcns.projectcalico.org/name') },
);

function selectorOf(anyKey: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const { tree } = fc.letrec<{ tree: Selector }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 2 },
      fc.record({ op: fc.constantFrom('eq', 'ne', 'startsWith', 'contains'), key: anyKey, value }),
      fc.record({ op: fc.constantFrom('in', 'notIn'), key: anyKey, values: fc.uniqueArray(value, { maxLength: 2 }) }),
      fc.record({ op: fc.constant('has'), key: anyKey }),
      fc.constantFrom<Selector>({ op: 'all' }),
      fc.record({ op: fc.constant('not'), of: tie('tree') }),
      fc.record({ op: fc.constantFrom('and', 'or'), of: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }) }),
    ) as fc.Arbitrary<Selector>, // fast-check widens the operators to string
  }));
  return fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom('all()', '!has(app)', 'has(app)') },
    { weight: 2, arbitrary: tree.map(formatSelector) },
  );
}

const selector = selectorOf(objectKey);
const namespaceSelector = fc.oneof(selectorOf(key), fc.constantFrom('global()', 'all()', '!global()'));

const optional = <T>(of: fc.Arbitrary<T>) => mostly<T | undefined>(undefined, of);
const ports = fc.array(fc.oneof<fc.Arbitrary<string | number>[]>(port, portName, fc.constant('80:90')), {
  minLength: 1,
  maxLength: 2,
});

/** `ported`: the rule's protocol has ports. */
function entity(ported: boolean) {
  const somePorts = ported ? fc.option(ports, { nil: undefined, freq: 2 }) : fc.constant(undefined);
  const noPorts = ported ? optional(ports) : fc.constant(undefined);
  return fc.record({
    nets: optional(fc.array(net, { minLength: 1, maxLength: 2 })),
    notNets: optional(fc.array(net, { minLength: 1, maxLength: 2 })),
    selector: optional(selector),
    notSelector: optional(selector),
    namespaceSelector: optional(namespaceSelector),
    serviceAccounts: optional(
      fc.record({
        names: optional(fc.array(serviceAccount, { maxLength: 1 })),
        selector: optional(selectorOf(key)),
      }),
    ),
    ports: somePorts,
    notPorts: noPorts,
  });
}

const rule = fc
  .constantFrom<(string | undefined)[]>('TCP', 'TCP', 'UDP', 'ICMP', undefined, undefined)
  .chain((protocol) => {
    const ported = protocol === 'TCP' || protocol === 'UDP';
    const icmp = optional(fc.constantFrom({ type: 8 }, { type: 8, code: 0 }, { type: 3, code: 1 }));
    return fc.record({
      action: fc.constantFrom('Allow', 'Allow', 'Allow', 'Deny', 'Deny', 'Pass', 'Log'),
      protocol: fc.constant(protocol),
      notProtocol: optional(fc.constantFrom('TCP', 'UDP', 17)),
      ipVersion: optional(fc.constantFrom(4, protocol === 'ICMP' ? 4 : 6)),
      icmp: protocol === 'ICMP' ? icmp : fc.constant(undefined),
      notICMP: protocol === 'ICMP' ? icmp : fc.constant(undefined),
      source: entity(ported),
      destination: entity(ported),
    });
  })
  // A rule of one IP version must not name nets of the other.
  .map(({ ipVersion, ...each }) => (ipVersion === 6 && hasNets(each) ? each : { ...each, ipVersion }));

function hasNets({
  source,
  destination,
}: {
  source: { nets?: unknown; notNets?: unknown };
  destination: { nets?: unknown; notNets?: unknown };
}) {
  return [source, destination].some(({ nets, notNets }) => nets !== undefined || notNets !== undefined);
}

const directions = fc.constantFrom<(string[] | undefined)[]>(undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']);
const rules = fc.array(rule, { maxLength: 4 });

const policyFields = {
  tier: fc.constantFrom(undefined, 'first', 'middle'),
  order: fc.constantFrom(undefined, 1, 2, 1000, 2000),
  selector: optional(selector),
  serviceAccountSelector: optional(selectorOf(key)),
  types: directions,
  ingress: rules,
  egress: rules,
  enforcement: mostly('Enforced', fc.constant('Staged')),
};

const name = fc.constantFrom('a', 'b', 'c');

const networkPolicy = fc
  .tuple(name, namespace, fc.record(policyFields))
  .map(([each, ns, spec]) => own('NetworkPolicy', { name: each, namespace: ns }, clean(spec)));

const globalPolicy = fc
  .tuple(name, fc.record({ ...policyFields, namespaceSelector: optional(namespaceSelector) }))
  .map(([each, spec]) => own('GlobalNetworkPolicy', { name: each }, clean(spec)));

const labelSelector = fc.record({
  matchLabels: optional(fc.dictionary(key, value, { maxKeys: 1 })),
  matchExpressions: optional(
    fc.array(
      fc.oneof(
        fc.record({
          key,
          operator: fc.constantFrom('In', 'NotIn'),
          values: fc.uniqueArray(value, { minLength: 1, maxLength: 2 }),
        }),
        fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
      ),
      { maxLength: 1 },
    ),
  ),
});

const kubernetesPeer = fc.oneof(
  fc.record({ podSelector: labelSelector }),
  fc.record({ namespaceSelector: labelSelector }),
  fc.record({ namespaceSelector: labelSelector, podSelector: labelSelector }),
  fc.constantFrom(
    { ipBlock: { cidr: '10.0.0.0/8' } },
    { ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/30', '192.0.2.0/24'] } },
    { ipBlock: { cidr: '10.0.0.0/29', except: ['10.0.0.2/32'] } },
  ),
);
const kubernetesPort = fc.oneof(
  fc.record({ protocol: optional(fc.constantFrom('TCP', 'UDP', 'SCTP')), port: fc.oneof(port, portName) }),
  fc.record({ protocol: optional(fc.constantFrom('TCP', 'UDP')) }),
  fc.constant({ port: 80, endPort: 90 }),
);
const kubernetesPeers = fc.option(fc.array(kubernetesPeer, { maxLength: 2 }), { nil: undefined });
const kubernetesPorts = fc.option(fc.array(kubernetesPort, { maxLength: 2 }), { nil: undefined });

const kubernetesPolicy = fc
  .tuple(
    name,
    namespace,
    fc.record({
      podSelector: labelSelector,
      policyTypes: directions,
      ingress: fc.array(fc.record({ from: kubernetesPeers, ports: kubernetesPorts }), { maxLength: 2 }),
      egress: fc.array(fc.record({ to: kubernetesPeers, ports: kubernetesPorts }), { maxLength: 2 }),
    }),
  )
  .map(([each, ns, spec]) => kubernetes({ name: each, namespace: ns }, clean(spec)));

const tier = fc
  .tuple(
    fc.constantFrom('first', 'middle'),
    fc.record({ order: fc.constantFrom(undefined, 10, 20), defaultAction: fc.constantFrom('Deny', 'Pass') }),
  )
  .map(([each, spec]) => own('Tier', { name: each }, clean(spec)));

const networkSet = fc
  .tuple(name, optional(namespace), labels, fc.array(net, { maxLength: 2 }))
  .map(([each, ns, some, nets]) =>
    ns
      ? own('NetworkSet', { name: each, namespace: ns, labels: some }, { nets })
      : own('GlobalNetworkSet', { name: each, labels: some }, { nets }),
  );

const namespaceResource = fc
  .tuple(namespace, labels)
  .map(([each, some]) => core('Namespace', { name: each, labels: some }));
const accountResource = fc
  .tuple(serviceAccount, namespace, labels)
  .map(([each, ns, some]) => core('ServiceAccount', { name: each, namespace: ns, labels: some }));

/** Any resource that policy reads, but pods. Names repeat, so that later ones replace earlier ones. */
export const anyResource: fc.Arbitrary<AnyResource> = fc.oneof(
  { weight: 3, arbitrary: kubernetesPolicy },
  { weight: 3, arbitrary: networkPolicy },
  { weight: 3, arbitrary: globalPolicy },
  { weight: 1, arbitrary: tier },
  { weight: 1, arbitrary: networkSet },
  { weight: 1, arbitrary: namespaceResource },
  { weight: 1, arbitrary: accountResource },
);

const namedPorts: fc.Arbitrary<NamedPort[]> = fc.subarray([
  { name: 'http', protocol: 'TCP', port: 80 },
  { name: 'http', protocol: 'TCP', port: 81 },
  { name: 'http', protocol: 'UDP', port: 80 },
  { name: 'dns', protocol: 'UDP', port: 81 },
  { name: 'dns', protocol: 'TCP', port: 443 },
]);

/** The pod with this number: its name, uid and address follow from it. */
export function anyPod(number: number): fc.Arbitrary<WorldPod> {
  return fc.record({ namespace, labels, serviceAccount, ports: namedPorts }).map((each) => ({
    ...each,
    key: `${each.namespace}/pod-${number}`,
    uid: `uid-${number}`,
    addresses: [`10.0.0.${number}`],
  }));
}

/** What a flow may be, ends excepted. */
export const anyTraffic = fc.oneof(
  fc.record({ protocol: fc.constantFrom(6, 17), sourcePort: port, port }),
  fc.record({ protocol: fc.constant(1), icmp: fc.constantFrom({ type: 8, code: 0 }, { type: 3, code: 1 }) }),
  fc.record({ protocol: fc.constant(132), sourcePort: port, port }),
);

/** An address that no pod need have. */
export const anyAddress = address;

/** Documents do not hold undefined. */
function clean(spec: unknown): unknown {
  return JSON.parse(JSON.stringify(spec));
}
