import { parseResource } from '@caracal/api';
import type { KubeObject } from '@caracal/kube';
import { podOfResource } from '@caracal/policy';
import type { EndpointRecord } from '../pods/endpoint-record.ts';

/** What policy reads of a pod of the Kubernetes API; undefined when libs/api refuses the object. */
export function podOfObject({ metadata, spec }: KubeObject): EndpointRecord['pod'] | undefined {
  const { serviceAccountName, containers, initContainers, nodeName } = (spec ?? {}) as Record<string, unknown>; // of any object
  const { name, namespace, uid, labels } = metadata;
  const document = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid, labels },
    spec: { nodeName, serviceAccountName, containers, initContainers },
  };
  const parsed = parseResource(document);
  if (!parsed.ok || parsed.resource.kind !== 'Pod') return undefined;
  const { key: _key, ...pod } = podOfResource(parsed.resource);
  return { ...pod, name, labels: { ...pod.labels }, serviceAccount: pod.serviceAccount, ports: [...pod.ports] };
}
