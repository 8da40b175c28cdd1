/**
 * What the operator holds of an object of Kubernetes: what it reads of it. A cluster has hundreds of thousands of them, and most of what one says (who
 * set which field, images, volumes, conditions) is of no use here.
 */
import type { KubeObject } from '@caracal/kube';
import { ownConditions } from './load-balancer/service-status.ts';
import { readAnnotations } from './load-balancer/want.ts';

type Fields = Readonly<Record<string, unknown>>;
interface Container {
  readonly ports?: unknown;
}
interface Endpoint {
  readonly nodeName?: string;
  readonly conditions?: { readonly ready?: boolean };
}

export function kept(object: KubeObject): KubeObject {
  const { apiVersion, kind } = object;
  const {
    name,
    namespace,
    uid,
    resourceVersion,
    generation,
    creationTimestamp,
    deletionTimestamp,
    finalizers,
    labels,
  } = object.metadata;
  const metadata = {
    ...{ name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, finalizers, labels },
  };
  // Shapes are those of the Kubernetes API.
  const spec = (object.spec ?? {}) as Fields;
  const status = (object.status ?? {}) as Fields;
  switch (apiVersion === 'v1' || apiVersion.startsWith('discovery.k8s.io/') ? kind : '') {
    case 'Pod': {
      const { hostNetwork, nodeName, serviceAccountName } = spec;
      const ports = (containers: unknown) =>
        (containers as Container[] | undefined)?.map((each) => ({ ports: each.ports }));
      const [containers, initContainers] = [ports(spec.containers), ports(spec.initContainers)];
      const running = { hostNetwork, nodeName, serviceAccountName, containers, initContainers };
      return { apiVersion, kind, metadata, spec: running };
    }
    case 'Node':
      return {
        apiVersion,
        kind,
        metadata,
        spec: { unschedulable: spec.unschedulable, taints: spec.taints },
        status: { addresses: status.addresses },
      };
    case 'Service': {
      const { clusterIPs, externalIPs, externalTrafficPolicy } = spec;
      return {
        ...{ apiVersion, kind },
        ...{ metadata: { ...metadata, ...(isBalanced(spec) && { annotations: balancerAnnotations(object) }) } },
        spec: { clusterIPs, externalIPs, externalTrafficPolicy, ...(isBalanced(spec) && balancerFields(spec)) },
        status: { loadBalancer: status.loadBalancer, conditions: ownConditions(object) },
      };
    }
    case 'EndpointSlice': {
      const { endpoints } = object as { endpoints?: Endpoint[] | null };
      const reduced = endpoints?.map(({ nodeName, conditions }) => ({
        nodeName,
        conditions: { ready: conditions?.ready },
      }));
      const slice = { apiVersion, kind, metadata, endpoints: reduced };
      return slice;
    }
    case 'Namespace':
    case 'ServiceAccount':
      return { apiVersion, kind, metadata };
    default:
      return { ...object, metadata };
  }
}

const isBalanced = ({ type }: Fields) => type === 'LoadBalancer';

function balancerFields({ type, loadBalancerClass, loadBalancerIP, ipFamilies, ipFamilyPolicy }: Fields): Fields {
  return { type, loadBalancerClass, loadBalancerIP, ipFamilies, ipFamilyPolicy };
}

function balancerAnnotations({ metadata }: KubeObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([name]) => readAnnotations.includes(name)),
  );
}
