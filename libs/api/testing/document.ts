/** Documents for tables of tests. */

export const own = 'caracal.network/v1';
export const calico = 'projectcalico.org/v3';

export function document(apiVersion: string, kind: string, spec: unknown, metadata: object = { name: 'x' }) {
  return { apiVersion, kind, metadata, spec };
}

/** What it is, the document, and all its problems as lines. */
export type WrongDocument = readonly [string, unknown, readonly string[]];
