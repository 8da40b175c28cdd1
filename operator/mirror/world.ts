/** What the operator knows of one term: the objects as Kubernetes shows them, and which of them Postgres holds. */
import type { Kind } from '@caracal/api';
import { type KubeObject, keyOf } from '@caracal/kube';
import { kept } from '../kept.ts';
import { type MirroredKind, mirroredKinds } from '../kinds.ts';

/** `Kind|namespace/name` or `Kind|name`. */
export type ItemKey = `${Kind}|${string}`;

export const itemKey = (kind: Kind, key: string): ItemKey => `${kind}|${key}`;

export function splitItemKey(item: string): { kind: Kind; key: string } {
  const at = item.indexOf('|');
  return { kind: item.slice(0, at) as Kind, key: item.slice(at + 1) }; // made by itemKey
}

/** Where an object of a kind is in the API. */
export function objectPath({ path }: MirroredKind, key: string): string {
  const [name, namespace] = key.split('/').reverse();
  if (!namespace) return `${path}/${name}`;
  const slash = path.lastIndexOf('/');
  return `${path.slice(0, slash)}/namespaces/${namespace}${path.slice(slash)}/${name}`;
}

export const kindFacts = new Map<Kind, MirroredKind>(mirroredKinds.map((facts) => [facts.kind, facts]));

export class World {
  readonly #objects = new Map<Kind, Map<string, KubeObject>>(mirroredKinds.map(({ kind }) => [kind, new Map()]));
  readonly #stored = new Map<Kind, Set<string>>(mirroredKinds.map(({ kind }) => [kind, new Set()]));
  /** Vanished from a list in such numbers that they are kept until somebody says so. */
  readonly held = new Map<Kind, Set<string>>();

  objects(kind: Kind): Map<string, KubeObject> {
    return this.#objects.get(kind)!;
  }

  stored(kind: Kind): Set<string> {
    return this.#stored.get(kind)!;
  }

  object(kind: Kind, key: string): KubeObject | undefined {
    return this.objects(kind).get(key);
  }

  /** Remembers the object; whether anything changed that matters. */
  see(kind: Kind, object: KubeObject): boolean {
    const known = this.object(kind, keyOf(object));
    const present = kept(object);
    this.objects(kind).set(keyOf(object), present);
    this.held.get(kind)?.delete(keyOf(object));
    return !known || fingerprint(kind, known) !== fingerprint(kind, present);
  }
}

/** What decides about an object; its status and the like do not. */
function fingerprint(kind: Kind, object: KubeObject): string {
  const { deletionTimestamp, finalizers } = object.metadata;
  return JSON.stringify([kindFacts.get(kind)!.document(object), deletionTimestamp, finalizers]);
}
