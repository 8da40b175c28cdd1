import { factsOf, type Kind } from './kinds.ts';
import type { Metadata } from './resource.ts';

/** A resource as a document that can be applied: with the kind that its group has, and without empty parts of metadata. */
export function documentOf(resource: { kind: Kind; metadata: Metadata; spec: unknown }): Record<string, unknown> {
  const facts = factsOf(resource.kind);
  const { labels, annotations, ...metadata } = resource.metadata;
  return {
    apiVersion: facts.apiVersion,
    kind: facts.documentKind ?? resource.kind,
    metadata: {
      ...metadata,
      ...(Object.keys(labels).length > 0 && { labels }),
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    spec: resource.spec,
  };
}
