import type { FeedEntry } from '../feed/entries.ts';
import type { EndpointRecord } from '../pods/endpoint-record.ts';

type Pods = Map<string, EndpointRecord['pod']>;

/** The pods of this node as the feed has them, also from disk before any hub is reached. The other nodes' are not kept. */
export class FeedPods {
  readonly #nodeName: string;
  #pods: Pods = new Map();
  /** Those of a snapshot that is not whole yet. */
  #snapshot: Pods | undefined;

  constructor(nodeName: string) {
    this.#nodeName = nodeName;
  }

  take(entries: readonly FeedEntry[]): void {
    for (const entry of entries) {
      const pods = this.#snapshot ?? this.#pods;
      switch (entry.case) {
        case 'snapshotBegin':
          this.#snapshot = new Map();
          break;
        case 'snapshotEnd':
          this.#pods = pods;
          this.#snapshot = undefined;
          break;
        case 'podDeleted':
          pods.delete(`${entry.namespace}/${entry.name}`);
          break;
        case 'pod': {
          const { node, ...pod } = entry.value;
          const key = `${pod.namespace}/${pod.name}`;
          if (node !== this.#nodeName) pods.delete(key);
          else pods.set(key, { ...pod, labels: { ...pod.labels }, ports: [...pod.ports] });
          break;
        }
      }
    }
  }

  get(key: string): EndpointRecord['pod'] | undefined {
    return this.#pods.get(key);
  }
}
