/**
 * The kinds of resources, without their schemas (so that a command that only names a kind loads no schema library).
 */

interface KindFacts {
  /** The group and version of the documents that this project writes. */
  readonly apiVersion: 'caracal.network/v1' | 'networking.k8s.io/v1' | 'discovery.k8s.io/v1' | 'v1';
  readonly namespaced: boolean;
  readonly plural: string;
  readonly shortNames: readonly string[];
  /** The `kind` of documents where it differs from the key of this table. */
  readonly documentKind?: string;
}

const own = 'caracal.network/v1';

/**
 * Every kind by the name under which it is stored. Kubernetes' NetworkPolicy is stored as `KubernetesNetworkPolicy`, because the name is taken by
 * that of our own group.
 */
export const kinds = {
  IPPool: { apiVersion: own, namespaced: false, plural: 'ippools', shortNames: ['pool', 'pools'] },
  IPReservation: { apiVersion: own, namespaced: false, plural: 'ipreservations', shortNames: [] },
  BGPConfiguration: {
    apiVersion: own,
    namespaced: false,
    plural: 'bgpconfigurations',
    shortNames: ['bgpconfig', 'bgpconfigs'],
  },
  BGPPeer: { apiVersion: own, namespaced: false, plural: 'bgppeers', shortNames: [] },
  BGPFilter: { apiVersion: own, namespaced: false, plural: 'bgpfilters', shortNames: [] },
  NodeConfiguration: {
    apiVersion: own,
    namespaced: false,
    plural: 'nodeconfigurations',
    shortNames: ['nodeconfig', 'nodeconfigs'],
  },
  Tier: { apiVersion: own, namespaced: false, plural: 'tiers', shortNames: [] },
  NetworkPolicy: { apiVersion: own, namespaced: true, plural: 'networkpolicies', shortNames: ['np'] },
  GlobalNetworkPolicy: { apiVersion: own, namespaced: false, plural: 'globalnetworkpolicies', shortNames: ['gnp'] },
  KubernetesNetworkPolicy: {
    apiVersion: 'networking.k8s.io/v1',
    namespaced: true,
    plural: 'kubernetesnetworkpolicies',
    shortNames: ['knp', 'netpol'],
    documentKind: 'NetworkPolicy',
  },
  NetworkSet: { apiVersion: own, namespaced: true, plural: 'networksets', shortNames: ['netset', 'netsets'] },
  GlobalNetworkSet: { apiVersion: own, namespaced: false, plural: 'globalnetworksets', shortNames: ['gns'] },
  HostEndpoint: { apiVersion: own, namespaced: false, plural: 'hostendpoints', shortNames: ['hep', 'heps'] },
  Namespace: { apiVersion: 'v1', namespaced: false, plural: 'namespaces', shortNames: ['ns'] },
  ServiceAccount: { apiVersion: 'v1', namespaced: true, plural: 'serviceaccounts', shortNames: ['sa'] },
  Pod: { apiVersion: 'v1', namespaced: true, plural: 'pods', shortNames: ['po'] },
  Node: { apiVersion: 'v1', namespaced: false, plural: 'nodes', shortNames: ['no'] },
  Service: { apiVersion: 'v1', namespaced: true, plural: 'services', shortNames: ['svc'] },
  EndpointSlice: { apiVersion: 'discovery.k8s.io/v1', namespaced: true, plural: 'endpointslices', shortNames: [] },
} as const satisfies Record<string, KindFacts>;

/** The name of a kind as it is stored and sent. */
export type Kind = keyof typeof kinds;

/** The group and version of the documents of a kind. */
export type ApiVersionOf<K extends Kind> = (typeof kinds)[K]['apiVersion'];

/** All kinds, in the order in which they are best applied: what others refer to comes first. */
export const kindNames: readonly Kind[] = Object.keys(kinds).filter(isKind);

export function isKind(name: string): name is Kind {
  return Object.hasOwn(kinds, name);
}

/** What is known of a kind: its group, scope and names. */
export function factsOf(kind: Kind): KindFacts {
  return kinds[kind];
}

/** The group of Calico's own documents, which are accepted in place of `caracal.network/v1`. */
export const calicoApiVersion = 'projectcalico.org/v3';

/**
 * The kind that a document's `apiVersion` and `kind` name; undefined when there is none. Accepts the stored spelling `KubernetesNetworkPolicy`
 * beside `NetworkPolicy` in Kubernetes' group, and Calico's group for the kinds of ours.
 */
export function kindOf(apiVersion: string, kind: string): Kind | undefined {
  const group = apiVersion === calicoApiVersion ? own : apiVersion;
  return kindNames.find((name) => {
    const facts = factsOf(name);
    return facts.apiVersion === group && (name === kind || facts.documentKind === kind);
  });
}

/**
 * The kind that a person means by a word on the command line: its name, singular, plural or short name, in any case, with or without its group
 * (`networkpolicies.networking.k8s.io`). Undefined when none.
 */
export function findKind(word: string): Kind | undefined {
  const [name, ...group] = word.toLowerCase().split('.');
  const groupName = group.join('.');
  if (groupName === 'networking.k8s.io' && ['networkpolicy', 'networkpolicies', 'np'].includes(name)) {
    return 'KubernetesNetworkPolicy';
  }
  return kindNames.find((kind) => {
    const facts = factsOf(kind);
    const ownGroup =
      facts.apiVersion === own ? ['caracal.network', 'projectcalico.org'] : [facts.apiVersion.split('/')[0]];
    if (groupName !== '' && !ownGroup.includes(groupName)) return false;
    return kind.toLowerCase() === name || facts.plural === name || facts.shortNames.includes(name);
  });
}
