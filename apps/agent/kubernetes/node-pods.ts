import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeObject, keyOf, type ReflectorObserver } from '@caracal/kube';
import type { AddRequest } from '../cni/pod-network.ts';
import type { FoundPod, PodDirectory } from '../pods/directory.ts';
import type { EndpointRecord } from '../pods/endpoint-record.ts';
import { podOfObject } from './pod-of-object.ts';

type Pod = EndpointRecord['pod'];

export interface NodePodsOptions {
  /** How long an ADD waits for its pod. */
  readonly waitMs: number;
  /** The pod as the feed has it, for when the API server cannot be asked. */
  fromFeed(key: string): Pod | undefined;
  onLost(error: Error): void;
}

/**
 * The pods of this node, as the API server tells of them: labels, ports and service account of an ADD come from here, not from the feed,
 * which is behind. The runtime may be faster than our watch, so an ADD waits a little. A pod that nobody tells of is not let
 * in: without its labels no policy would select it.
 */
export function createNodePods(options: NodePodsOptions): PodDirectory & { readonly observer: ReflectorObserver } {
  const objects = new Map<string, KubeObject>();
  const waiting = new Set<() => void>();
  let synced = false;

  function lookUp({ pod }: AddRequest): Pod | undefined {
    const object = objects.get(`${pod.namespace}/${pod.name}`);
    // A StatefulSet's next pod has the name of the last: the uid says which one this is.
    if (!object || (pod.uid && object.metadata.uid !== pod.uid)) return undefined;
    return podOfObject(object);
  }

  async function find(request: AddRequest, signal: AbortSignal): Promise<FoundPod> {
    const key = `${request.pod.namespace}/${request.pod.name}`;
    const over = AbortSignal.any([signal, AbortSignal.timeout(options.waitMs)]);
    let pod = lookUp(request);
    while (!pod && !over.aborted) {
      let wake = () => {};
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      waiting.add(wake);
      await Promise.race([changed, sleep(options.waitMs, undefined, { signal: over }).catch(() => {})]);
      waiting.delete(wake);
      pod = lookUp(request);
    }
    if (pod) return { ok: true, pod, annotations: objects.get(key)?.metadata.annotations };
    const fed = options.fromFeed(key);
    if (fed && request.pod.uid && fed.uid === request.pod.uid) return { ok: true, pod: fed };
    const who = request.pod.uid ? `${key} with uid ${request.pod.uid}` : key;
    const message = synced
      ? `the API server has told of no pod ${who} on this node`
      : `the API server has not told of this node's pods yet, and the feed has no ${who}`;
    return { ok: false, message };
  }

  function wakeAll(): void {
    for (const wake of waiting) wake();
  }

  return {
    find,
    observer: {
      listed(all) {
        objects.clear();
        for (const object of all) objects.set(keyOf(object), object);
        synced = true;
        wakeAll();
      },
      changed(object) {
        objects.set(keyOf(object), object);
        wakeAll();
      },
      deleted: (object) => {
        if (objects.get(keyOf(object))?.metadata.uid === object.metadata.uid) objects.delete(keyOf(object));
      },
      lost: options.onLost,
    },
  };
}
