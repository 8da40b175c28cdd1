import type { StoredEndpoint, StoredItem } from '@caracal/datastore';
import { parseAddress } from '@caracal/net';
import { type FeedFrame, PodPacker, type PodRow, podRow } from '@caracal/protocol';
import { encodeItem, frameOf, packFrames } from './encode.ts';

/** How a snapshot lists pods and endpoints: in columns, or (protocol version 1) one by one as all else. */
export type SnapshotForm = 'packed' | 'items';

/** To sort so many by their pods takes about a millisecond. */
const endpointsAStep = 1000;

/**
 * The present state, as its snapshots need it. Of a pod that is the little that agents read; what is neither pod nor endpoint is encoded
 * already.
 */
export class Image {
  readonly #encoded = new Map<string, Uint8Array>();
  readonly #pods = new Map<string, PodRow>();
  readonly #endpoints = new Map<string, StoredEndpoint>();

  get size(): number {
    return this.#encoded.size + this.#pods.size + this.#endpoints.size;
  }

  /** Takes an item as it is now; one without a value is gone. */
  put(item: StoredItem, encoded?: Uint8Array): void {
    const key = item.key.join('\0'); // NUL is in no name
    if (item.item === 'endpoint') {
      if (item.value) this.#endpoints.set(key, item.value);
      else this.#endpoints.delete(key);
    } else if (item.item === 'resource' && item.key[0] === 'Pod') {
      if (item.value) this.#pods.set(key, podRow(item.value, item.value.spec));
      else this.#pods.delete(key);
    } else {
      if (item.value) this.#encoded.set(`${item.item}\0${key}`, encoded ?? encodeItem(item));
      else this.#encoded.delete(`${item.item}\0${key}`);
    }
  }

  /**
   * All of it as frames: configuration first, then pods with their endpoints. They are made as they are asked for, a millisecond or two of work
   * each; undefined is a place to rest as well. What is put meanwhile may be in them or not.
   */
  *frames(form: SnapshotForm): Generator<FeedFrame | undefined> {
    if (form === 'items') return yield* packFrames(this.#pieces());
    yield* packFrames(this.#encoded.values());
    yield* this.#packedFrames();
  }

  *#packedFrames(): Generator<FeedFrame | undefined> {
    const packer = new PodPacker();
    const byUid = new Map<string, StoredEndpoint[]>();
    let sorted = 0;
    for (const endpoint of this.#endpoints.values()) {
      if (++sorted % endpointsAStep === 0) yield undefined;
      const ofPod = byUid.get(endpoint.podUid);
      if (ofPod) ofPod.push(endpoint);
      else byUid.set(endpoint.podUid, [endpoint]);
    }
    for (const pod of this.#pods.values()) {
      packer.add(pod, (byUid.get(pod.uid) ?? []).map(endpointRow));
      byUid.delete(pod.uid);
      if (packer.full) yield* taken(packer);
    }
    for (const endpoints of byUid.values()) {
      packer.add(undefined, endpoints.map(endpointRow));
      if (packer.full) yield* taken(packer);
    }
    yield* taken(packer);
  }

  *#pieces(): Generator<Uint8Array> {
    yield* this.#encoded.values();
    for (const pod of this.#pods.values()) yield encodeItem(podItem(pod));
    for (const value of this.#endpoints.values()) {
      yield encodeItem({ item: 'endpoint', key: [value.node, value.containerId, value.interface], value });
    }
  }
}

function* taken(packer: PodPacker): Generator<FeedFrame> {
  const value = packer.take();
  if (value) yield frameOf({ case: 'packedPods', value });
}

function endpointRow({ addresses, ...endpoint }: StoredEndpoint) {
  return { ...endpoint, addresses: addresses.flatMap((text) => parseAddress(text)?.bytes ?? []) };
}

/** A pod as a document, with what agents read of it. */
function podItem({ namespace, name, uid, node, serviceAccount, labels, ports }: PodRow): StoredItem {
  const containerPorts = ports.map(({ port, ...rest }) => ({ ...rest, containerPort: port }));
  const spec = { nodeName: node || undefined, serviceAccountName: serviceAccount, ports: containerPorts };
  return {
    item: 'resource',
    key: ['Pod', namespace, name],
    value: {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace,
      name,
      uid,
      labels,
      annotations: {},
      spec,
      generation: 1n,
      revision: 0n,
    },
  };
}
