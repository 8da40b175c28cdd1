import {
  type EntityRule,
  type GlobalNetworkPolicySpec,
  type NetworkPolicySpec,
  type PolicyRule,
  parseSelector,
  type Selector,
} from '@caracal/api';
import type { Family } from '@caracal/net';
import type { Direction, PortRange } from '../model.ts';
import { allOf, parentSelector } from '../selectors/normalise.ts';
import { namespaceKey, serviceAccountKey } from '../selectors/subject.ts';
import { canonicalCidr, isNet } from './nets.ts';
import {
  ConversionError,
  type NamedPortSource,
  type PeerSource,
  type PolicySource,
  type RuleSource,
} from './policy-source.ts';
import { checkedProtocol, parsePort, portProtocolName } from './protocols.ts';

/**
 * A NetworkPolicy (namespace given) or GlobalNetworkPolicy (empty namespace). Throws {@link ConversionError} when its
 * own selectors are wrong; wrong rules show when they are asked for.
 */
export function convertPolicy(
  name: string,
  namespace: string,
  spec: NetworkPolicySpec | GlobalNetworkPolicySpec,
  family: Family,
): PolicySource {
  const selector = allOf([
    ...(namespace ? [inNamespace(namespace)] : []),
    ...parsed(spec.selector, 'spec.selector'),
    ...parsed('namespaceSelector' in spec ? spec.namespaceSelector : undefined, 'spec.namespaceSelector').map((each) =>
      parentSelector(each, 'namespace'),
    ),
    ...parsed(spec.serviceAccountSelector, 'spec.serviceAccountSelector').map((each) =>
      parentSelector(each, 'serviceAccount'),
    ),
  ]);
  const rulesOf = (direction: Direction): RuleSource[] =>
    spec[direction].flatMap((rule, index) => {
      const scope = { namespace, selector, direction, family, field: `spec.${direction}[${index}]` };
      return convertRule(rule, index, scope) ?? [];
    });
  return {
    id: namespace ? `np/${namespace}/${name}` : `gnp/${name}`,
    name,
    namespace,
    tier: spec.tier,
    order: spec.order ?? Number.POSITIVE_INFINITY,
    selector,
    directions: { ingress: spec.types.includes('Ingress'), egress: spec.types.includes('Egress') },
    rules: () => ({ ingress: rulesOf('ingress'), egress: rulesOf('egress') }),
  };
}

/** Where a rule stands: what its conditions are relative to. */
interface Scope {
  readonly namespace: string;
  readonly selector: Selector;
  readonly direction: Direction;
  readonly family: Family;
  /** For messages. */
  readonly field: string;
}

/** The rule, or undefined when no packet of the family can match it. */
function convertRule(rule: PolicyRule, index: number, scope: Scope): RuleSource | undefined {
  const protocol = checkedProtocol(rule.protocol, `${scope.field}.protocol`);
  const notProtocol = checkedProtocol(rule.notProtocol, `${scope.field}.notProtocol`);
  const onlyFamily = rule.ipVersion ?? (protocol === 1 ? 4 : protocol === 58 ? 6 : scope.family);
  if (onlyFamily !== scope.family) return undefined;
  const source = convertPeer(rule.source, 'source', protocol, scope);
  const destination = convertPeer(rule.destination, 'destination', protocol, scope);
  if (!source || !destination) return undefined;
  return {
    action: rule.action,
    ...(protocol !== undefined && { protocol }),
    ...(notProtocol !== undefined && { notProtocol }),
    ...icmpMatch('icmp', rule.icmp),
    ...icmpMatch('notIcmp', rule.notICMP),
    source,
    destination,
    index,
  };
}

function icmpMatch(key: 'icmp' | 'notIcmp', spec: PolicyRule['icmp']): Partial<RuleSource> {
  if (spec?.type === undefined) return {};
  return { [key]: { type: spec.type, ...(spec.code !== undefined && { code: spec.code }) } };
}

function convertPeer(
  entity: EntityRule,
  side: 'source' | 'destination',
  protocol: number | undefined,
  scope: Scope,
): PeerSource | undefined {
  const field = `${scope.field}.${side}`;
  const nets = convertNets(entity.nets, `${field}.nets`, scope.family);
  if (nets?.length === 0) return undefined;
  const notNets = convertNets(entity.notNets, `${field}.notNets`, scope.family) ?? [];
  const selector = convertPeerSelector(entity, field, scope.namespace);
  const [notSelector] = parsed(entity.notSelector, `${field}.notSelector`).map((each) => allOf([each]));

  // A named port is looked up on the pods that the address can belong to: on the policy's side, those it selects.
  const own = (side === 'destination') === (scope.direction === 'ingress');
  const carriers = allOf([...(selector ? [selector] : []), ...(own ? [scope.selector] : [])]);
  const ports = convertPorts(entity.ports ?? [], protocol, carriers, `${field}.ports`);
  const notPorts = convertPorts(entity.notPorts ?? [], protocol, carriers, `${field}.notPorts`);
  return {
    ...(nets && { nets }),
    ...(notNets.length > 0 && { notNets }),
    ...(selector && { selector }),
    ...(notSelector && { notSelector }),
    ...(ports.ranges.length > 0 && { ports: ports.ranges }),
    ...(ports.named.length > 0 && { namedPorts: ports.named }),
    ...(notPorts.ranges.length > 0 && { notPorts: notPorts.ranges }),
    ...(notPorts.named.length > 0 && { notNamedPorts: notPorts.named }),
  };
}

/** In a namespace's policy, conditions on labels reach no further than the namespace unless a namespaceSelector says so. */
function convertPeerSelector(entity: EntityRule, field: string, namespace: string): Selector | undefined {
  const parts = parsed(entity.selector, `${field}.selector`);
  const accounts = entity.serviceAccounts;
  if (accounts?.names && accounts.names.length > 0) {
    parts.push({ op: 'in', key: serviceAccountKey, values: accounts.names });
  }
  for (const each of parsed(accounts?.selector, `${field}.serviceAccounts.selector`)) {
    parts.push(parentSelector(each, 'serviceAccount'));
  }
  const namespaces = parsed(entity.namespaceSelector, `${field}.namespaceSelector`);
  for (const each of namespaces) parts.push(parentSelector(each, 'namespace'));
  const confined = namespace !== '' && namespaces.length === 0 && (parts.length > 0 || Boolean(entity.notSelector));
  if (confined) parts.push(inNamespace(namespace));
  return parts.length > 0 ? allOf(parts) : undefined;
}

function convertNets(nets: readonly string[] | undefined, field: string, family: Family): string[] | undefined {
  if (!nets || nets.length === 0) return undefined;
  const wrong = nets.find((net) => !isNet(net));
  if (wrong !== undefined) throw new ConversionError(`${field}: ${wrong} is no CIDR`);
  return nets.flatMap((net) => canonicalCidr(net, family) ?? []);
}

function convertPorts(
  ports: readonly (string | number)[],
  protocol: number | undefined,
  selector: Selector,
  field: string,
): { ranges: PortRange[]; named: NamedPortSource[] } {
  const ranges: PortRange[] = [];
  const named: NamedPortSource[] = [];
  if (ports.length === 0) return { ranges, named };
  const name = portProtocolName(protocol);
  if (!name) throw new ConversionError(`${field}: ports need the protocol TCP, UDP or SCTP`);
  for (const port of ports) {
    const parsedPort = parsePort(port, field);
    if (typeof parsedPort === 'string') named.push({ name: parsedPort, protocol: name, selector });
    else ranges.push(parsedPort);
  }
  return { ranges, named };
}

function inNamespace(namespace: string): Selector {
  return { op: 'eq', key: namespaceKey, value: namespace };
}

/** No selectors for an absent or empty text, else the one that it means. */
function parsed(text: string | undefined, field: string): Selector[] {
  if (!text) return [];
  const result = parseSelector(text);
  if (result.ok) return [result.selector];
  throw new ConversionError(`${field}: ${result.message} (at character ${result.offset + 1} of ${text})`);
}
