import { type AnyResource, parseResource } from '@caracal/api';
import type { NamedPort, Pod } from '../updates.ts';

/** A resource as the hub would store it; throws on one that it would refuse. */
function resource(document: unknown): AnyResource {
  const parsed = parseResource(document);
  if (parsed.ok) return parsed.resource;
  throw new Error(`not valid: ${JSON.stringify(parsed.problems)}`);
}

type Meta = { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };

/** A resource of this project's group. */
export function own(kind: string, metadata: Meta, spec: unknown): AnyResource {
  return resource({ apiVersion: 'caracal.network/v1', kind, metadata, spec });
}

/** A NetworkPolicy of Kubernetes. */
export function kubernetes(metadata: Meta, spec: unknown): AnyResource {
  return resource({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec });
}

/** A Namespace or ServiceAccount. */
export function core(kind: string, metadata: Meta): AnyResource {
  return resource({ apiVersion: 'v1', kind, metadata });
}

/** A pod; its uid is its key unless given. */
export function pod(key: string, labels: Record<string, string>, more: Partial<Pod> = {}): Pod {
  return { key, uid: key, namespace: key.split('/')[0], labels, serviceAccount: 'default', ports: [], ...more };
}

export function tcp(name: string, port: number): NamedPort {
  return { name, protocol: 'TCP', port };
}
