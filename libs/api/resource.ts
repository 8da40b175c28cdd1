import type { SpecOf } from './kinds/index.ts';
import type { ApiVersionOf, Kind } from './kinds.ts';

export interface Metadata {
  /** DNS-1123 subdomain (a Namespace: label). */
  readonly name: string;
  /** Present exactly for namespaced kinds. */
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generation?: number;
}

/** A validated resource of one kind; its spec has all defaults. */
export interface ResourceOf<K extends Kind> {
  readonly apiVersion: ApiVersionOf<K>;
  readonly kind: K;
  readonly metadata: Metadata;
  readonly spec: SpecOf<K>;
}

/** A validated resource; `kind` tells which. */
export type AnyResource = { [K in Kind]: ResourceOf<K> }[Kind];

/** What is wrong with a document, or was left out of it. */
export interface Problem {
  /** `KIND/NAME` or `KIND/NAMESPACE/NAME`, e.g. `IPPool/default`. */
  readonly object: string;
  /** e.g. `spec.ingress[0].action`; empty when the document as a whole is meant. */
  readonly field: string;
  /** What is wrong and what would be right; reads on after the field: `33 is not between 20 and 32 for an IPv4 pool`. */
  readonly message: string;
}

/** The name of a resource in messages, and its key among all: `IPPool/default`, `NetworkPolicy/shop/db`. */
export function objectName(kind: string, metadata: { readonly name: string; readonly namespace?: string }): string {
  return metadata.namespace ? `${kind}/${metadata.namespace}/${metadata.name}` : `${kind}/${metadata.name}`;
}

/** One line for a problem: `IPPool/default: spec.blockSize: 33 is not …`. */
export function formatProblem(problem: Problem): string {
  return [problem.object, problem.field, problem.message].filter((part) => part !== '').join(': ');
}
