/** The two ends of a flow: which pods and network sets have the address, and what is known of their labels. */
import type { AnyResource } from '@caracal/api';
import { type Family, parseAddress, parsePrefix, prefixContains } from '@caracal/net';
import type { Labels, NamedPort } from '../updates.ts';
import { type LabelView, viewOf } from './labels.ts';
import type { FlowEnd, World, WorldPod } from './types.ts';

/** Something with labels that has the address: a pod or a network set. */
export interface Holder {
  readonly kind: 'pod' | 'networkSet';
  /** For messages: `pod shop/db`. */
  readonly name: string;
  /** Empty when in none. */
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Its labels, with the implicit ones. */
  readonly own: LabelView;
  /** Its own labels alone, which Kubernetes' selectors look at. */
  readonly plain: LabelView;
  readonly ofNamespace: LabelView;
  readonly ofServiceAccount: LabelView;
  readonly ports: readonly NamedPort[];
}

/** One end of the flow. */
export interface End {
  readonly address: string;
  readonly family: Family;
  /** The pod that the end is, when it is one. */
  readonly pod?: WorldPod;
  readonly holders: readonly Holder[];
}

/** An end with each of its addresses, or what is wrong. */
export type FoundEnds =
  | { readonly ok: true; readonly ends: readonly End[] }
  | { readonly ok: false; readonly message: string };

/** Looks up an end; a pod with several addresses gives several. */
export function findEnds(world: World, end: FlowEnd): FoundEnds {
  if ('address' in end) {
    const found = endAt(world, end.address);
    return found ? { ok: true, ends: [found] } : { ok: false, message: `${end.address} is no address` };
  }
  const pod = world.pods.find(({ key }) => key === end.pod);
  if (!pod) return { ok: false, message: `there is no pod ${end.pod} (a pod is named NAMESPACE/NAME)` };
  const ends = pod.addresses.flatMap((address) => endAt(world, address) ?? []);
  return ends.length > 0 ? { ok: true, ends } : { ok: false, message: `pod ${end.pod} has no address yet` };
}

/** Whether the address lies in the CIDR or is that address. */
export function isIn(address: string, net: string): boolean {
  const parsed = parseAddress(address);
  const prefix = parsePrefix(net) ?? parsePrefix(`${net}/${net.includes(':') ? 128 : 32}`);
  return parsed !== undefined && prefix !== undefined && prefixContains(prefix, parsed);
}

function endAt(world: World, address: string): End | undefined {
  const parsed = parseAddress(address);
  if (!parsed) return undefined;
  const pods = world.pods.filter((pod) => pod.addresses.some((each) => isIn(address, each)));
  const holders = pods.map((pod) => podHolder(world, pod));
  for (const stored of world.resources) {
    // The hub stores nothing that is not valid for its kind.
    const resource = stored as AnyResource;
    if (resource.kind !== 'NetworkSet' && resource.kind !== 'GlobalNetworkSet') continue;
    if (!resource.spec.nets.some((net) => isIn(address, net))) continue;
    const { name, namespace = '', labels } = resource.metadata;
    const named = `${resource.kind} ${namespace ? `${namespace}/` : ''}${name}`;
    holders.push(holder(world, { kind: 'networkSet', name: named, namespace, serviceAccount: '', labels, ports: [] }));
  }
  return { address, family: parsed.family, pod: pods[0], holders };
}

function podHolder(world: World, pod: WorldPod): Holder {
  const { namespace, serviceAccount, labels, ports } = pod;
  return holder(world, { kind: 'pod', name: `pod ${pod.key}`, namespace, serviceAccount, labels, ports });
}

interface Bare {
  readonly kind: Holder['kind'];
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Labels;
  readonly ports: readonly NamedPort[];
}

/** The labels as selectors see them, with Calico's prefixes and implicit labels (selectors/subject.ts has the rules). */
function holder(world: World, { labels, ...bare }: Bare): Holder {
  const { kind, namespace, serviceAccount } = bare;
  const ofNamespace = {
    ...labelsOf(world, 'Namespace', '', namespace),
    'projectcalico.org/name': namespace,
    'kubernetes.io/metadata.name': namespace,
  };
  const ofServiceAccount = {
    ...labelsOf(world, 'ServiceAccount', namespace, serviceAccount),
    'projectcalico.org/name': serviceAccount,
  };
  const namespaceView = viewOf('namespace label', namespace ? ofNamespace : {});
  const serviceAccountView = viewOf('service account label', serviceAccount ? ofServiceAccount : {});
  const implicit: Record<string, string | undefined> = {
    namespace: namespace || undefined,
    orchestrator: kind === 'pod' ? 'k8s' : undefined,
    serviceaccount: serviceAccount || undefined,
  };
  const read = (key: string): string | undefined => {
    if (key.startsWith('pcns.')) return namespaceView.read(key.slice('pcns.'.length));
    if (key.startsWith('pcsa.')) return serviceAccountView.read(key.slice('pcsa.'.length));
    const named = /^(?:projectcalico\.org|caracal\.network)\/(namespace|orchestrator|serviceaccount)$/.exec(key);
    if (named) return implicit[named[1]];
    return Object.hasOwn(labels, key) ? labels[key] : undefined;
  };
  return {
    ...bare,
    own: { what: 'label', read, all: true, global: !namespace },
    plain: viewOf('label', labels),
    ofNamespace: { ...namespaceView, all: namespace !== '', global: !namespace },
    ofServiceAccount: { ...serviceAccountView, all: serviceAccount !== '', global: !serviceAccount },
  };
}

function labelsOf(world: World, kind: string, namespace: string, name: string): Labels {
  const found = world.resources.find(
    ({ kind: each, metadata }) => each === kind && metadata.name === name && (metadata.namespace ?? '') === namespace,
  );
  return found?.metadata.labels ?? {};
}
