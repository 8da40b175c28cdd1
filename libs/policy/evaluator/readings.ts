/** Policies as they are written, read for one flow: whom they select, and which conditions of a rule do not hold. */
import type {
  AnyResource,
  EntityRule,
  KubernetesPeer,
  KubernetesPort,
  PolicyRule,
  ResourceOf,
  Selector,
} from '@caracal/api';
import { defaultTier, kubernetesPolicyOrder, parseSelector } from '@caracal/api';
import type { Action, Direction } from '../model.ts';
import { policyId } from '../policy-id.ts';
import type { Packet, Side } from './conditions.ts';
import * as conditions from './conditions.ts';
import type { End, Holder } from './ends.ts';
import { labelSelectorMisses, selectorMisses } from './labels.ts';
import type { Miss, PolicyReference } from './types.ts';

/** A rule, with the conditions that a packet does not meet (none: it matches). */
interface RuleReading {
  readonly action: Action;
  readonly misses: (packet: Packet) => readonly Miss[];
}

/** A policy, ready to be asked. `selects` and `rules` throw UnreadableError when a selector cannot be read. */
export interface PolicyReading {
  readonly reference: PolicyReference;
  readonly tier: string;
  readonly order: number;
  readonly selects: (pod: Holder, direction: Direction) => boolean;
  readonly rules: (direction: Direction) => readonly RuleReading[];
}

/** A selector that does not parse. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

/** The reading of an enforced policy; undefined for other resources. */
export function readPolicy(resource: AnyResource): PolicyReading | undefined {
  if (resource.kind === 'KubernetesNetworkPolicy') return readKubernetes(resource);
  if (resource.kind !== 'NetworkPolicy' && resource.kind !== 'GlobalNetworkPolicy') return undefined;
  return resource.spec.enforcement === 'Staged' ? undefined : readOwn(resource);
}

function referenceOf(resource: ResourceOf<PolicyReference['kind']>): PolicyReference {
  const { kind, metadata } = resource;
  const { name, namespace = '' } = metadata;
  return { id: policyId(kind, namespace, name), kind, namespace, name };
}

function readOwn(resource: ResourceOf<'NetworkPolicy'> | ResourceOf<'GlobalNetworkPolicy'>): PolicyReading {
  const { spec } = resource;
  const reference = referenceOf(resource);
  return {
    reference,
    tier: spec.tier,
    order: spec.order ?? Number.POSITIVE_INFINITY,
    selects: (pod, direction) =>
      spec.types.includes(direction === 'ingress' ? 'Ingress' : 'Egress') &&
      (reference.namespace === '' || reference.namespace === pod.namespace) &&
      selectorMisses(parse(spec.selector), pod.own).length === 0 &&
      ('namespaceSelector' in spec ? parentMisses(spec.namespaceSelector, pod.ofNamespace) : []).length === 0 &&
      parentMisses(spec.serviceAccountSelector, pod.ofServiceAccount).length === 0,
    rules: (direction) =>
      spec[direction].map((rule) => {
        // Read at once, so that an unreadable rule shows whether or not the flow comes to it.
        for (const side of ['source', 'destination'] as const) {
          const { selector, notSelector, namespaceSelector, serviceAccounts } = rule[side];
          for (const text of [selector, notSelector, namespaceSelector, serviceAccounts?.selector]) parse(text ?? '');
        }
        return { action: rule.action, misses: (packet) => ownMisses(rule, packet, reference.namespace) };
      }),
  };
}

function ownMisses(rule: PolicyRule, packet: Packet, namespace: string): Miss[] {
  const version = rule.ipVersion;
  return [
    ...(version && version !== packet.source.family
      ? [`the packet is IPv${packet.source.family}, the rule wants IPv${version}`]
      : []),
    ...conditions.protocolMisses(packet, rule.protocol),
    ...conditions.notProtocolMisses(packet, rule.notProtocol),
    ...conditions.icmpMisses(packet, rule.icmp),
    ...conditions.notIcmpMisses(packet, rule.notICMP),
    ...entityMisses('source', packet, rule.source, namespace),
    ...entityMisses('destination', packet, rule.destination, namespace),
  ];
}

/** Named ports are those of pods that the conditions on labels select: an address that a network set alone brings in has none. */
function entityMisses(side: Side, packet: Packet, entity: EntityRule, namespace: string): Miss[] {
  const end = packet[side];
  const peer = readPeer(entity, namespace);
  const carriers = peer
    ? end.holders.filter((holder) => peer.misses(holder).every(({ length }) => length === 0))
    : end.holders;
  return [
    ...conditions.netsMisses(side, end, entity.nets),
    ...conditions.notNetsMisses(side, end, entity.notNets),
    ...(peer ? nearestHolder(side, end, end.holders, peer.wanted, peer.misses) : []),
    ...notSelectorMisses(side, end, entity.notSelector),
    ...conditions.portMisses(side, packet, entity.ports, carriers),
    ...conditions.notPortMisses(side, packet, entity.notPorts, carriers),
  ];
}

/** What a rule wants of the labels of one end. */
interface PeerReading {
  /** For messages. */
  readonly wanted: string;
  /** A list for each condition, empty where it holds; all must hold for one and the same holder of the address. */
  readonly misses: (holder: Holder) => readonly (readonly string[])[];
}

/** The conditions on labels, or undefined when there are none. */
function readPeer(entity: EntityRule, namespace: string): PeerReading | undefined {
  const { selector = '', notSelector = '', namespaceSelector = '', serviceAccounts } = entity;
  const names = serviceAccounts?.names ?? [];
  const looks = selector !== '' || names.length > 0 || Boolean(serviceAccounts?.selector);
  const confined = namespace !== '' && namespaceSelector === '' && (looks || notSelector !== '');
  if (!confined && !looks && namespaceSelector === '') return undefined;
  const wanted = [
    ...(confined ? [`namespace ${namespace}`] : []),
    ...[selector, namespaceSelector && `namespaces ${namespaceSelector}`].filter((text) => text !== ''),
    ...(serviceAccounts ? [`service accounts ${[...names, serviceAccounts.selector ?? ''].join(' ').trim()}`] : []),
  ];
  const misses = (holder: Holder): readonly (readonly string[])[] => [
    ...(confined && holder.namespace !== namespace
      ? [[`namespace is ${quote(holder.namespace)}, the rule looks in ${quote(namespace)} only`]]
      : []),
    selectorMisses(parse(selector), holder.own),
    parentMisses(namespaceSelector, holder.ofNamespace),
    names.length > 0 && !names.includes(holder.serviceAccount)
      ? [`service account is ${quote(holder.serviceAccount)}, the rule wants ${names.join(' or ')}`]
      : [],
    parentMisses(serviceAccounts?.selector, holder.ofServiceAccount),
  ];
  return { wanted: wanted.join(', '), misses };
}

function notSelectorMisses(side: Side, end: End, text: string | undefined): Miss[] {
  if (!text) return [];
  const selector = parse(text);
  const excluded = end.holders.find((holder) => selectorMisses(selector, holder.own).length === 0);
  return excluded ? [`${side}: ${excluded.name} is selected by ${text}, which the rule excludes`] : [];
}

function readKubernetes(resource: ResourceOf<'KubernetesNetworkPolicy'>): PolicyReading {
  const { spec } = resource;
  const reference = referenceOf(resource);
  return {
    reference,
    tier: defaultTier.name,
    order: kubernetesPolicyOrder,
    selects: (pod, direction) =>
      spec.policyTypes.includes(direction === 'ingress' ? 'Ingress' : 'Egress') &&
      pod.namespace === reference.namespace &&
      labelSelectorMisses(spec.podSelector, pod.plain).length === 0,
    rules: (direction) => {
      const side = direction === 'ingress' ? 'source' : 'destination';
      const rules =
        direction === 'ingress'
          ? spec.ingress.map(({ from = [], ports = [] }) => ({ peers: from, ports }))
          : spec.egress.map(({ to = [], ports = [] }) => ({ peers: to, ports }));
      return rules.map(({ peers, ports }) => ({
        action: 'Allow',
        misses: (packet) => [
          ...fewest(peers.map((peer) => kubernetesPeerMisses(side, packet[side], peer, reference.namespace))),
          ...kubernetesPortsMisses(packet, ports),
        ],
      }));
    },
  };
}

function kubernetesPeerMisses(side: Side, end: End, peer: KubernetesPeer, namespace: string): Miss[] {
  const { ipBlock, podSelector = {}, namespaceSelector } = peer;
  if (ipBlock) {
    return [
      ...conditions.netsMisses(side, end, [ipBlock.cidr]),
      ...conditions.notNetsMisses(side, end, ipBlock.except),
    ];
  }
  const pods = end.holders.filter((holder) => holder.kind === 'pod');
  return nearestHolder(side, end, pods, 'a pod', (pod) => [
    namespaceSelector
      ? labelSelectorMisses(namespaceSelector, pod.ofNamespace)
      : pod.namespace === namespace
        ? []
        : [`namespace is ${quote(pod.namespace)}, the rule looks in ${quote(namespace)} only`],
    labelSelectorMisses(podSelector, pod.plain),
  ]);
}

/** Entries of one protocol are alternatives; an entry without a port stands for all ports of its protocol. */
function kubernetesPortsMisses(packet: Packet, ports: readonly KubernetesPort[]): Miss[] {
  const protocols = [...new Set(ports.map(({ protocol }) => protocol))];
  return fewest(
    protocols.map((protocol) => {
      const entries = ports.filter((entry) => entry.protocol === protocol);
      const wanted = entries.map(({ port, endPort }) => (endPort === undefined ? port : `${port}:${endPort}`));
      const numbered = wanted.flatMap((port) => port ?? []);
      return [
        ...conditions.protocolMisses(packet, protocol),
        ...(numbered.length === wanted.length
          ? conditions.portMisses('destination', packet, numbered, packet.destination.holders)
          : []),
      ];
    }),
  );
}

/** The misses of the holder that misses the fewest conditions; one line a condition. */
function nearestHolder(
  side: Side,
  end: End,
  holders: readonly Holder[],
  wanted: string,
  misses: (holder: Holder) => readonly (readonly string[])[],
): Miss[] {
  if (holders.length === 0) return [`${side}: ${end.address} is ${unknown(end)}, the rule wants ${wanted}`];
  return fewest(
    holders.map((holder) =>
      misses(holder)
        .filter((reasons) => reasons.length > 0)
        .map((reasons) => `${side}: ${reasons.join('; ')}`),
    ),
  );
}

function unknown(end: End): string {
  return end.holders.length === 0 ? 'no pod and in no network set' : 'no pod';
}

/** The shortest list, the first of equals; of no alternatives none, since an absent condition holds. */
function fewest(alternatives: readonly Miss[][]): Miss[] {
  return alternatives.reduce((best, each) => (each.length < best.length ? each : best), alternatives[0] ?? []);
}

/** A selector over a parent's labels; where there is no parent, only one that speaks of global() can hold. */
function parentMisses(text: string | undefined, view: Holder['ofNamespace']): string[] {
  if (!text) return [];
  const selector = parse(text);
  if (!view.all && !mentionsGlobal(selector)) return [`there are no ${view.what}s, the rule wants ${text}`];
  return selectorMisses(selector, view);
}

function mentionsGlobal(selector: Selector): boolean {
  if (selector.op === 'and' || selector.op === 'or') return selector.of.some(mentionsGlobal);
  return selector.op === 'not' ? mentionsGlobal(selector.of) : selector.op === 'global';
}

function parse(text: string): Selector {
  const parsed = parseSelector(text);
  if (parsed.ok) return parsed.selector;
  throw new UnreadableError(`${text} is no selector: ${parsed.message} (at character ${parsed.offset + 1})`);
}

function quote(text: string): string {
  return JSON.stringify(text);
}
