import type { AddRequest } from '../cni/pod-network.ts';
import type { EndpointRecord } from './endpoint-record.ts';

/** Knows of a pod what policy needs and ADD does not say. */
export interface PodDirectory {
  find(request: AddRequest, signal: AbortSignal): Promise<FoundPod>;
}

export type FoundPod =
  | {
      readonly ok: true;
      readonly pod: EndpointRecord['pod'];
      /** Where they are known better than the runtime says. */
      readonly annotations?: Readonly<Record<string, string>>;
    }
  | { readonly ok: false; readonly message: string };

/** Without Kubernetes: what ADD says is all there is, and where it gives no uid the container is the pod's identity. */
export const standaloneDirectory: PodDirectory = {
  find: async ({ containerId, pod: { annotations: _annotations, ...pod } }) => ({
    ok: true,
    pod: { ...pod, uid: pod.uid ?? containerId, serviceAccount: 'default', ports: [] },
  }),
};
