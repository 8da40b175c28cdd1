/**
 * Services and EndpointSlices are many and change often, and only the announcing of addresses reads them. So of all of them nodes are given those that
 * decide where a route is announced: services with `externalTrafficPolicy: Local` and an address that the BGPConfiguration announces, and their
 * slices. What has `Cluster` is announced by its range, of which every node knows. Services with an address of a pool are stored too, without slices: so
 * that what they have can be compared with what they were given.
 */
import type { Kind } from '@caracal/api';
import type { KubeObject } from '@caracal/kube';
import { parseAddress, parsePrefix, prefixContains } from '@caracal/net';
import { loadBalancerIPs, serviceNameOf } from '../services.ts';
import type { World } from './world.ts';

/** Whether nodes need the object, as the world is. */
export function isNeeded(world: World, kind: Kind, object: KubeObject): boolean {
  if (kind === 'Service') return isAnnounced(world, object) || hasPoolAddress(world, object);
  if (kind !== 'EndpointSlice') return true;
  const service = world.object('Service', `${object.metadata.namespace}/${serviceNameOf(object)}`);
  return service !== undefined && isAnnounced(world, service);
}

/** The slices whose being needed may have changed with a service, by key. Most services are none of ours, and cost nothing. */
export function slicesToJudge(world: World, service: string): string[] {
  const object = world.object('Service', service);
  if (!world.stored('Service').has(service) && !(object && isAnnounced(world, object))) return [];
  return [...world.objects('EndpointSlice')]
    .filter(([, slice]) => `${slice.metadata.namespace}/${serviceNameOf(slice)}` === service)
    .map(([key]) => key);
}

/** As in the spec of a BGPConfiguration that may not be valid: what it asks for is kept ready all the same. */
type Ranges = readonly { readonly cidr?: string }[] | undefined;

function isAnnounced(world: World, service: KubeObject): boolean {
  const spec = service.spec as { externalTrafficPolicy?: string; clusterIPs?: string[]; externalIPs?: string[] }; // of the API
  if (spec.externalTrafficPolicy !== 'Local') return false;
  const configuration = (world.object('BGPConfiguration', 'default')?.spec ?? {}) as Record<string, Ranges>;
  return (
    covers(configuration.serviceClusterIPs, spec.clusterIPs) ||
    covers(configuration.serviceExternalIPs, spec.externalIPs) ||
    covers(configuration.serviceLoadBalancerIPs, loadBalancerIPs(service))
  );
}

function hasPoolAddress(world: World, service: KubeObject): boolean {
  const addresses = loadBalancerIPs(service);
  if (addresses.length === 0) return false;
  const specs = [...world.objects('IPPool').values()].map(({ spec }) => (spec ?? {}) as PoolSpec); // of the CRD
  return covers(
    specs.filter(({ allowedUses }) => allowedUses?.includes('LoadBalancer')),
    addresses,
  );
}

interface PoolSpec {
  readonly cidr?: string;
  readonly allowedUses?: readonly string[];
}

function covers(ranges: Ranges, addresses: readonly string[] = []): boolean {
  const prefixes = (ranges ?? []).flatMap(({ cidr }) => parsePrefix(cidr ?? '') ?? []);
  return addresses.some((text) => {
    const address = parseAddress(text);
    return address !== undefined && prefixes.some((prefix) => prefixContains(prefix, address));
  });
}
