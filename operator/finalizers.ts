/** What waits before it goes: pools until no node holds a block of them, tiers until no policy is in them. */
import type { Kind } from '@caracal/api';
import { type KubeApi, KubeError, type KubeObject } from '@caracal/kube';
import { kindFacts, objectPath } from './mirror/world.ts';
import { applyPatch, fieldManager } from './status/writer.ts';

const finalizers: Partial<Record<Kind, string>> = {
  IPPool: 'caracal.network/blocks',
  Tier: 'caracal.network/policies',
};

/** Whether objects of this kind wait before they go. */
export const isGuarded = (kind: Kind): boolean => finalizers[kind] !== undefined;

/** By server-side apply: the object with our finalizer, or without. Throws when the API server cannot be asked. */
export async function setFinalizer(api: KubeApi, kind: Kind, object: KubeObject, present: boolean): Promise<void> {
  const finalizer = finalizers[kind]!;
  if ((object.metadata.finalizers ?? []).includes(finalizer) === present) return;
  const { name, uid } = object.metadata;
  const metadata = { name, uid, finalizers: present ? [finalizer] : [] };
  const body = { apiVersion: object.apiVersion, kind: object.kind, metadata };
  const path = objectPath(kindFacts.get(kind)!, name);
  const query = { fieldManager, force: 'true' };
  await api.request({ method: 'PATCH', path, query, body, contentType: applyPatch }).catch((error: unknown) => {
    const gone = error instanceof KubeError && (error.code === 404 || error.code === 409);
    if (present || !gone) throw error;
  });
}
