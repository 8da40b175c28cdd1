/** All that a verdict depends on, as the hub knows it. */
import type { AnyResource, ResourceOf } from '@caracal/api';
import { addressFromBytes, formatAddress } from '@caracal/net';
import { podOfResource, type World, type WorldPod } from '@caracal/policy';
import type { Endpoint, NodeEntry, Resource } from '@caracal/protocol';
import type { Hub } from '../connection.ts';

/** What the hub holds, from which worlds are made. */
export interface Known {
  readonly revision: bigint;
  readonly resources: readonly AnyResource[];
  readonly endpoints: readonly Endpoint[];
  readonly nodes: readonly NodeEntry[];
}

export async function readKnown(hub: Hub): Promise<Known> {
  // The resources last: a pod that has an endpoint is then among them.
  const [{ endpoints }, { nodes }] = await Promise.all([hub.listEndpoints({}), hub.listNodes({})]);
  const { resources, revision } = await hub.get({});
  return { revision, endpoints, nodes, resources: resources.map(resourceOf) };
}

/** The world with some resources in the place of those of the same name, or beside them. */
export function worldOf(known: Known, overlay: readonly AnyResource[] = []): World {
  const resources = new Map(known.resources.map((resource) => [keyOf(resource), resource]));
  for (const resource of overlay) {
    const before = resources.get(keyOf(resource));
    // A document of a pod has no uid as a rule: it means the pod that there is.
    const uid = resource.metadata.uid ?? before?.metadata.uid;
    resources.set(keyOf(resource), { ...resource, metadata: { ...resource.metadata, ...(uid && { uid }) } });
  }
  const byUid = new Map<string, Endpoint[]>();
  for (const endpoint of known.endpoints) byUid.set(endpoint.podUid, [...(byUid.get(endpoint.podUid) ?? []), endpoint]);
  const all = [...resources.values()];
  const pods = all
    .filter((resource): resource is ResourceOf<'Pod'> => resource.kind === 'Pod')
    .map((pod) => worldPod(pod, byUid));
  return { resources: all, pods };
}

function worldPod(resource: ResourceOf<'Pod'>, byUid: ReadonlyMap<string, readonly Endpoint[]>): WorldPod {
  const { uid } = resource.metadata;
  const endpoints = (uid && byUid.get(uid)) || [];
  const node = endpoints[0]?.node ?? resource.spec.nodeName;
  return {
    ...podOfResource(resource),
    addresses: endpoints.flatMap(({ addresses }) => addresses.map((bytes) => formatAddress(addressFromBytes(bytes)))),
    ...(node && { node }),
  };
}

function resourceOf({ apiVersion, kind, namespace, name, uid, labels, annotations, specJson }: Resource): AnyResource {
  const metadata = { name, ...(namespace && { namespace }), ...(uid && { uid }), labels, annotations };
  // The hub stores nothing that is not valid for its kind.
  return { apiVersion, kind, metadata, spec: JSON.parse(specJson) as unknown } as AnyResource;
}

function keyOf({ kind, metadata }: AnyResource): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
}
