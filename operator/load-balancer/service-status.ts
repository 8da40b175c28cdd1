/** The status of a Service, as far as it is ours: the addresses, and one condition. Shapes are those of the Kubernetes API. */
import { type KubeApi, KubeError, type KubeObject, keyOf } from '@caracal/kube';
import { type Condition, says, stamp } from '../status/conditions.ts';
import { applyPatch, fieldManager } from '../status/writer.ts';

export const readyType = 'caracal.network/LoadBalancerReady';

interface ServiceStatus {
  readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
  readonly conditions?: readonly Condition[];
}

const statusOf = (service: KubeObject) => (service.status ?? {}) as ServiceStatus; // of the API

export function ingressOf(service: KubeObject): readonly { readonly ip?: string; readonly hostname?: string }[] {
  return statusOf(service).loadBalancer?.ingress ?? [];
}

/** Of the conditions the one that is ours; undefined when there is none. */
export function ownConditions(service: KubeObject): readonly Condition[] | undefined {
  const own = statusOf(service).conditions?.filter(({ type }) => type === readyType);
  return own?.length ? own : undefined;
}

export interface WantedStatus {
  readonly addresses: readonly string[];
  /** Undefined: none of ours, as of a Service that is not. */
  readonly condition: Omit<Condition, 'type'> | undefined;
}

/**
 * By server-side apply, so that what is not wanted any more goes and what others own stays. Not sent when the Service says it already. Throws what the
 * API server does, except when the Service is gone or another of its name by now.
 */
export async function writeServiceStatus(
  api: KubeApi,
  service: KubeObject,
  { addresses, condition }: WantedStatus,
  now: Date,
): Promise<boolean> {
  const conditions = condition
    ? stamp([{ type: readyType, ...condition }], service.status, `${now.toISOString().slice(0, 19)}Z`)
    : undefined;
  const present = ingressOf(service).map(({ ip, hostname }) => ip ?? hostname);
  const same = says({ addresses: present, own: ownConditions(service) }, { addresses, own: conditions });
  if (same) return false;
  const { apiVersion, kind, metadata } = service;
  const { name, namespace, uid } = metadata;
  const status = {
    ...(addresses.length > 0 && { loadBalancer: { ingress: addresses.map((ip) => ({ ip })) } }),
    ...(conditions && { conditions }),
  };
  const [inNamespace] = keyOf(service).split('/');
  const request = {
    method: 'PATCH',
    path: `/api/v1/namespaces/${inNamespace}/services/${name}/status`,
    query: { fieldManager, force: 'true' },
    body: { apiVersion, kind, metadata: { name, namespace, uid }, status },
    contentType: applyPatch,
  } as const;
  try {
    await api.request(request);
    return true;
  } catch (error) {
    if (error instanceof KubeError && (error.code === 404 || error.code === 409)) return false;
    throw error;
  }
}
