import {
  defaultTier,
  type KubernetesNetworkPolicySpec,
  type KubernetesPeer,
  type KubernetesPort,
  kubernetesPolicyOrder,
  type LabelSelector,
  type Selector,
} from '@caracal/api';
import type { Family } from '@caracal/net';
import type { Direction, PortRange } from '../model.ts';
import { allOf, parentSelector } from '../selectors/normalise.ts';
import { namespaceKey, orchestratorKey } from '../selectors/subject.ts';
import { canonicalCidr, isNet } from './nets.ts';
import {
  ConversionError,
  type NamedPortSource,
  type PeerSource,
  type PolicySource,
  type RuleSource,
} from './policy-source.ts';
import { checkedProtocol, portProtocolName } from './protocols.ts';

/** Kubernetes' policies speak of pods only; network sets have labels too. */
const isPod: Selector = { op: 'eq', key: orchestratorKey, value: 'k8s' };

/** A networking.k8s.io/v1 NetworkPolicy: only allow rules, in tier `default`. Throws as {@link PolicySource} tells. */
export function convertKubernetesPolicy(
  name: string,
  namespace: string,
  spec: KubernetesNetworkPolicySpec,
  family: Family,
): PolicySource {
  const inNamespace: Selector = { op: 'eq', key: namespaceKey, value: namespace };
  const selector = allOf([isPod, inNamespace, labelSelector(spec.podSelector, 'spec.podSelector')]);
  const rulesOf = (direction: Direction): RuleSource[] =>
    rulesIn(spec, direction).flatMap((rule, index) =>
      convertRule(rule, index, { inNamespace, selector, direction, family, field: `spec.${direction}[${index}]` }),
    );
  return {
    id: `knp/${namespace}/${name}`,
    name,
    namespace,
    tier: defaultTier.name,
    order: kubernetesPolicyOrder,
    selector,
    directions: { ingress: spec.policyTypes.includes('Ingress'), egress: spec.policyTypes.includes('Egress') },
    rules: () => ({ ingress: rulesOf('ingress'), egress: rulesOf('egress') }),
  };
}

interface Scope {
  readonly inNamespace: Selector;
  readonly selector: Selector;
  readonly direction: Direction;
  readonly family: Family;
  readonly field: string;
}

/** A rule of either direction. */
interface KubernetesRule {
  readonly peers?: readonly KubernetesPeer[];
  readonly ports?: readonly KubernetesPort[];
}

function rulesIn(spec: KubernetesNetworkPolicySpec, direction: Direction): KubernetesRule[] {
  return direction === 'ingress'
    ? spec.ingress.map(({ from, ports }) => ({ peers: from, ports }))
    : spec.egress.map(({ to, ports }) => ({ peers: to, ports }));
}

/** One rule for each pair of a peer and a group of ports; an absent or empty list of either means any. */
function convertRule(rule: KubernetesRule, index: number, scope: Scope): RuleSource[] {
  const list = scope.direction === 'ingress' ? 'from' : 'to';
  const peers = rule.peers?.length
    ? rule.peers.flatMap((peer, i) => convertPeer(peer, `${scope.field}.${list}[${i}]`, scope) ?? [])
    : [{}];
  return peers.flatMap((peer: PeerSource) => {
    const carriers =
      scope.direction === 'ingress' ? scope.selector : allOf([isPod, ...(peer.selector ? [peer.selector] : [])]);
    return portGroups(rule.ports ?? [], carriers, `${scope.field}.ports`).map((group): RuleSource => {
      const source = scope.direction === 'ingress' ? peer : {};
      const destination = { ...(scope.direction === 'egress' ? peer : {}), ...group.match };
      const protocol = group.protocol === undefined ? {} : { protocol: group.protocol };
      return { action: 'Allow', ...protocol, source, destination, index };
    });
  });
}

/** The peer, or undefined when no address of the family can be it. */
function convertPeer(peer: KubernetesPeer, field: string, scope: Scope): PeerSource | undefined {
  if (peer.ipBlock) {
    const { cidr, except = [] } = peer.ipBlock;
    const wrong = [cidr, ...except].find((net) => !isNet(net));
    if (wrong !== undefined) throw new ConversionError(`${field}.ipBlock: ${wrong} is no CIDR`);
    const net = canonicalCidr(cidr, scope.family);
    if (net === undefined) return undefined;
    const notNets = except.flatMap((each) => canonicalCidr(each, scope.family) ?? []);
    return { nets: [net], ...(notNets.length > 0 && { notNets }) };
  }
  if (!peer.podSelector && !peer.namespaceSelector) {
    throw new ConversionError(`${field}: one of podSelector, namespaceSelector and ipBlock is needed`);
  }
  const namespaces = peer.namespaceSelector
    ? parentSelector(labelSelector(peer.namespaceSelector, `${field}.namespaceSelector`), 'namespace')
    : scope.inNamespace;
  return { selector: allOf([isPod, namespaces, labelSelector(peer.podSelector ?? {}, `${field}.podSelector`)]) };
}

interface PortGroup {
  readonly protocol?: number;
  readonly match: PeerSource;
}

/** Entries of one protocol are alternatives of one rule; an entry without a port allows the whole protocol. */
function portGroups(ports: readonly KubernetesPort[], selector: Selector, field: string): PortGroup[] {
  if (ports.length === 0) return [{ match: {} }];
  const groups = new Map<number, { whole: boolean; ranges: PortRange[]; named: NamedPortSource[] }>();
  for (const [i, { protocol: protocolText, port, endPort }] of ports.entries()) {
    const protocol = checkedProtocol(protocolText, `${field}[${i}].protocol`);
    const name = portProtocolName(protocol);
    if (protocol === undefined || !name) {
      throw new ConversionError(`${field}[${i}].protocol: ${protocolText} is none of TCP, UDP and SCTP`);
    }
    const group = groups.get(protocol) ?? { whole: false, ranges: [], named: [] };
    groups.set(protocol, group);
    if (port === undefined) group.whole = true;
    else if (typeof port === 'number') group.ranges.push(portRange(port, endPort, `${field}[${i}]`));
    else group.named.push({ name: port, protocol: name, selector });
  }
  return [...groups].map(([protocol, { whole, ranges, named }]) => {
    if (whole) return { protocol, match: {} };
    const match = { ...(ranges.length > 0 && { ports: ranges }), ...(named.length > 0 && { namedPorts: named }) };
    return { protocol, match };
  });
}

function portRange(first: number, endPort: number | undefined, field: string): PortRange {
  const last = endPort ?? first;
  if (first > last || last > 65535) throw new ConversionError(`${field}: ${first} to ${last} is no range of ports`);
  return { first, last };
}

/** matchLabels and matchExpressions, all of which must hold; an empty selector selects everything. */
function labelSelector(spec: LabelSelector, field: string): Selector {
  const parts: Selector[] = Object.entries(spec.matchLabels ?? {}).map(([key, value]) => ({ op: 'eq', key, value }));
  for (const { key, operator, values = [] } of spec.matchExpressions ?? []) {
    if (operator === 'In') parts.push({ op: 'in', key, values });
    else if (operator === 'NotIn') parts.push({ op: 'notIn', key, values });
    else if (operator === 'Exists') parts.push({ op: 'has', key });
    else if (operator === 'DoesNotExist') parts.push({ op: 'not', of: { op: 'has', key } });
    else throw new ConversionError(`${field}: ${operator} is none of In, NotIn, Exists and DoesNotExist`);
  }
  return { op: 'and', of: parts };
}
