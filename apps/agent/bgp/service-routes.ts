import type { ResourceOf } from '@caracal/api';
import { formatPrefix, hostPrefix, type Prefix, parseAddress, parsePrefix, prefixContains } from '@caracal/net';

/** What decides which services' addresses a node announces. */
export interface ServiceInputs {
  readonly node: { readonly name: string };
  readonly bgpConfiguration?: ResourceOf<'BGPConfiguration'>;
  readonly nodes: readonly ResourceOf<'Node'>[];
  /** Those with `externalTrafficPolicy: Local`; of others nothing is read. */
  readonly services: readonly ResourceOf<'Service'>[];
  readonly slices: readonly ResourceOf<'EndpointSlice'>[];
}

/** Kubernetes' way to say that no balancer outside of the cluster should send to a node. */
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** The ranges in which services have announced addresses, canonical. */
export function serviceRanges(configuration: ServiceInputs['bgpConfiguration']): string[] {
  const { serviceClusterIPs = [], serviceExternalIPs = [], serviceLoadBalancerIPs = [] } = configuration?.spec ?? {};
  const all = [...serviceClusterIPs, ...serviceExternalIPs, ...serviceLoadBalancerIPs];
  return [...new Set(all.map(({ cidr }) => cidr))].sort();
}

/**
 * The prefixes that the node announces for services: every range, and the addresses of services with `externalTrafficPolicy: Local` that have a ready
 * endpoint on it, which by their length win over the range. A cordoned node announces none of these while another one
 * does, so that traffic is away from it before its pods are; one with the label to be left out by balancers, never.
 */
export function serviceRoutes(inputs: ServiceInputs): string[] {
  const { bgpConfiguration, node } = inputs;
  const ranges = serviceRanges(bgpConfiguration);
  if (ranges.length === 0) return [];
  const facts = new Map(inputs.nodes.map((each) => [each.metadata.name, each]));
  const announces = (candidates: ReadonlySet<string>): boolean => {
    const able = [...candidates].filter((name) => facts.get(name)?.metadata.labels[excludeLabel] === undefined);
    const willing = able.filter((name) => !facts.get(name)?.spec.unschedulable);
    return (willing.length > 0 ? willing : able).includes(node.name);
  };
  const routes = new Set<string>();
  const local = localAddresses(inputs);
  for (const [prefix, nodes] of local) if (nodes.size > 0 && announces(nodes)) routes.add(prefix);
  if (announces(new Set([...facts.keys(), node.name])))
    // A range of one address is that of its service, and goes where the service's does.
    for (const range of ranges) if (!local.has(range)) routes.add(range);
  return [...routes].sort();
}

/** The announced addresses of services with the policy Local as host prefixes, each with the nodes that have a ready endpoint. */
function localAddresses({ bgpConfiguration, services, slices }: ServiceInputs): Map<string, Set<string>> {
  const nodesOf = new Map<string, string[]>();
  for (const { metadata, spec } of slices) {
    const key = `${metadata.namespace}/${spec.service}`;
    nodesOf.set(key, [...(nodesOf.get(key) ?? []), ...spec.nodes]);
  }
  const prefixes = (ranges: readonly { cidr: string }[] = []): Prefix[] =>
    ranges.flatMap(({ cidr }) => parsePrefix(cidr) ?? []);
  const configured = bgpConfiguration?.spec;
  const ofCluster = prefixes(configured?.serviceClusterIPs);
  const external = prefixes(configured?.serviceExternalIPs);
  const ofBalancers = prefixes(configured?.serviceLoadBalancerIPs);
  const found = new Map<string, Set<string>>();
  for (const { metadata, spec } of services) {
    if (spec.externalTrafficPolicy !== 'Local') continue;
    const addresses = [
      ...within(ofCluster, spec.clusterIPs),
      ...within(external, spec.externalIPs),
      ...within(ofBalancers, spec.loadBalancerIPs),
    ];
    for (const prefix of addresses) {
      const nodes = found.get(prefix) ?? new Set();
      found.set(prefix, nodes);
      for (const name of nodesOf.get(`${metadata.namespace}/${metadata.name}`) ?? []) nodes.add(name);
    }
  }
  return found;
}

function within(prefixes: readonly Prefix[], addresses: readonly string[]): string[] {
  return addresses.flatMap((text) => {
    const address = parseAddress(text);
    const covered = address && prefixes.some((prefix) => prefixContains(prefix, address));
    return covered ? formatPrefix(hostPrefix(address)) : [];
  });
}
