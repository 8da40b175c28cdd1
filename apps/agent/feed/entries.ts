import {
  type EndpointRow,
  type FeedItem,
  type PodRow,
  podRow,
  type Resource,
  type ResourceKey,
} from '@caracal/protocol';

/**
 * One thing that the feed says, whichever way it was encoded; blocks, which no agent reads, are left out. Of pods and endpoints a snapshot
 * says no deletions: those that it does not name between its begin and its end are gone. Of everything else it does.
 */
export type FeedEntry =
  | { readonly case: 'snapshotBegin' }
  | { readonly case: 'snapshotEnd' }
  | { readonly case: 'resource'; readonly value: Resource; readonly spec: unknown }
  | { readonly case: 'resourceDeleted'; readonly value: Pick<ResourceKey, 'kind' | 'namespace' | 'name'> }
  | { readonly case: 'pod'; readonly value: PodRow }
  | { readonly case: 'podDeleted'; readonly namespace: string; readonly name: string }
  | { readonly case: 'endpoint'; readonly value: EndpointRow }
  | { readonly case: 'endpointDeleted'; readonly value: Pick<EndpointRow, 'node' | 'containerId' | 'interface'> };

/** What the items say; throws SyntaxError on a spec that is no JSON. */
export function entriesOf(items: readonly FeedItem[]): FeedEntry[] {
  return items.flatMap(({ item }): FeedEntry | [] => {
    switch (item.case) {
      case 'resource': {
        const spec: unknown = JSON.parse(item.value.specJson);
        if (item.value.kind === 'Pod') return { case: 'pod', value: podRow(item.value, spec) };
        return { case: 'resource', value: item.value, spec };
      }
      case 'resourceDeleted': {
        const { kind, namespace, name } = item.value;
        return kind === 'Pod'
          ? { case: 'podDeleted', namespace, name }
          : { case: 'resourceDeleted', value: item.value };
      }
      case 'endpoint':
        return { case: 'endpoint', value: item.value };
      case 'endpointDeleted':
        return { case: 'endpointDeleted', value: item.value };
      default:
        return [];
    }
  });
}

/** Whether the entry is a pool of IPv6. */
export function isIpv6Pool(entry: FeedEntry): boolean {
  if (entry.case !== 'resource' || entry.value.kind !== 'IPPool') return false;
  const { cidr } = entry.spec as { cidr?: unknown }; // validated by the hub; another shape is no pool of IPv6
  return typeof cidr === 'string' && cidr.includes(':');
}
