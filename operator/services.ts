/** What is stored of Services and EndpointSlices; shapes are those of the Kubernetes API. */
import type { KubeObject } from '@caracal/kube';

export function serviceSpecOf(service: KubeObject): Record<string, unknown> {
  const { clusterIPs, externalIPs, externalTrafficPolicy } = service.spec as Record<string, unknown>; // of any object
  return { clusterIPs, externalIPs, externalTrafficPolicy, loadBalancerIPs: loadBalancerIPs(service) };
}

/** The addresses that a load balancer has given the service; it may have given names instead. */
export function loadBalancerIPs(service: KubeObject): string[] {
  const status = service.status as { loadBalancer?: { ingress?: { ip?: string }[] } } | undefined;
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}

/** Which service, and which nodes have a ready endpoint of it. An endpoint that does not say whether it is ready is taken as ready, as the API says. */
export function sliceSpecOf(slice: KubeObject): Record<string, unknown> {
  const { endpoints } = slice as { endpoints?: { nodeName?: string; conditions?: { ready?: boolean } }[] | null };
  const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
  const nodes = [...new Set(ready.flatMap(({ nodeName }) => nodeName ?? []))].sort();
  return { service: serviceNameOf(slice), nodes };
}

/** The name of the service that a slice belongs to, in the same namespace. */
export function serviceNameOf({ metadata }: KubeObject): string | undefined {
  return metadata.labels?.['kubernetes.io/service-name'];
}
