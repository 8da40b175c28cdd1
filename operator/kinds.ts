/** The kinds that are read from Kubernetes, where they are, and how an object becomes a document of libs/api. */
import { factsOf, type Kind, kindNames } from '@caracal/api';
import type { KubeObject } from '@caracal/kube';
import { isOutOfService } from './nodes.ts';
import { serviceSpecOf, sliceSpecOf } from './services.ts';

export interface MirroredKind {
  /** As it is stored. */
  readonly kind: Kind;
  readonly path: string;
  /** Whether the operator writes its status. */
  readonly own: boolean;
  /** The document that is validated and stored; undefined when the object is none of ours. */
  readonly document: (object: KubeObject) => Record<string, unknown> | undefined;
}

const ownApiVersion = 'caracal.network/v1';

export const mirroredKinds: readonly MirroredKind[] = kindNames.map((kind) => {
  const { apiVersion, plural } = factsOf(kind);
  const own = apiVersion === ownApiVersion;
  if (kind === 'KubernetesNetworkPolicy')
    return {
      kind,
      own,
      path: '/apis/networking.k8s.io/v1/networkpolicies',
      document: (object) => documentWith(object, object.spec),
    };
  if (own)
    return {
      kind,
      own,
      path: `/apis/${apiVersion}/${plural}`,
      document: (object) => documentWith(object, object.spec),
    };
  const path = apiVersion === 'v1' ? `/api/v1/${plural}` : `/apis/${apiVersion}/${plural}`;
  return { kind, own, path, document: coreDocument };
});

/** Of core objects only what policy and routing read. Shapes are those of the Kubernetes API. */
function coreDocument(object: KubeObject): Record<string, unknown> | undefined {
  const spec = (object.spec ?? {}) as Record<string, unknown>;
  switch (object.kind) {
    case 'Pod': {
      // A pod on the host's network has the host's addresses, and policy of pods does not apply to it.
      if (spec.hostNetwork === true) return undefined;
      const { nodeName, serviceAccountName, containers, initContainers } = spec;
      return documentWith(object, { nodeName, serviceAccountName, containers, initContainers });
    }
    case 'Node': {
      const status = object.status as { addresses?: { type: string; address: string }[] } | undefined;
      const internal = (status?.addresses ?? [])
        .filter(({ type }) => type === 'InternalIP')
        .map(({ address }) => address);
      const ipv4Address = internal.find((address) => !address.includes(':'));
      const ipv6Address = internal.find((address) => address.includes(':'));
      return documentWith(object, {
        ...(ipv4Address && { ipv4Address }),
        ...(ipv6Address && { ipv6Address }),
        ...(spec.unschedulable === true && { unschedulable: true }),
        ...(isOutOfService(object) && { outOfService: true }),
      });
    }
    // Nothing selects these by their labels.
    case 'Service':
      return documentWith(withoutLabels(object), serviceSpecOf(object));
    case 'EndpointSlice':
      return documentWith(withoutLabels(object), sliceSpecOf(object));
    default:
      return documentWith(object, undefined);
  }
}

function withoutLabels(object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, labels: {} } };
}

/** Annotations are left out: they change often (leader election, kubectl) and decide nothing. */
function documentWith(object: KubeObject, spec: unknown): Record<string, unknown> {
  const { name, namespace, uid, labels } = object.metadata;
  const { apiVersion, kind } = object;
  return { apiVersion, kind, metadata: { name, namespace, uid, labels }, ...(spec !== undefined && { spec }) };
}
