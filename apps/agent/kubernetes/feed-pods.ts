import { parseResource } from '@caracal/api';
import { podOfResource } from '@caracal/policy';
import type { FeedChange } from '../feed/feed-state.ts';
import type { EndpointRecord } from '../pods/endpoint-record.ts';

/** The pods of this node as the feed has them, also from disk before any hub is reached. The other nodes' are not kept. */
export class FeedPods {
  readonly #nodeName: string;
  readonly #pods = new Map<string, EndpointRecord['pod']>();

  constructor(nodeName: string) {
    this.#nodeName = nodeName;
  }

  apply({ items }: FeedChange): void {
    for (const { item } of items) {
      if (item.case === 'resourceDeleted' && item.value.kind === 'Pod')
        this.#pods.delete(`${item.value.namespace}/${item.value.name}`);
      if (item.case !== 'resource' || item.value.kind !== 'Pod') continue;
      const { namespace, name, uid, labels, specJson, apiVersion, kind } = item.value;
      const key = `${namespace}/${name}`;
      this.#pods.delete(key);
      // Most pods are of other nodes, and need no parsing to be told.
      if (!specJson.includes(`"${this.#nodeName}"`)) continue;
      const spec: unknown = JSON.parse(specJson);
      const parsed = parseResource({ apiVersion, kind, metadata: { name, namespace, uid, labels }, spec });
      if (!parsed.ok || parsed.resource.kind !== 'Pod' || parsed.resource.spec.nodeName !== this.#nodeName) continue;
      const pod = podOfResource(parsed.resource);
      this.#pods.set(key, { namespace, name, uid, labels, serviceAccount: pod.serviceAccount, ports: [...pod.ports] });
    }
  }

  get(key: string): EndpointRecord['pod'] | undefined {
    return this.#pods.get(key);
  }
}
