/** From an object of Kubernetes to what is stored of it, or to what is wrong with it. */
import {
  type AnyResource,
  checkTogether,
  type formatProblem,
  type Kind,
  objectName,
  parseResource,
} from '@caracal/api';
import type { ResourcePut } from '@caracal/datastore';
import type { KubeObject } from '@caracal/kube';
import { itemKey, kindFacts, type World } from './world.ts';

export type Judgement =
  /** Not ours: nothing of it is stored. */
  | { readonly verdict: 'none' }
  | { readonly verdict: 'right'; readonly resource: AnyResource; readonly warnings: readonly string[] }
  | { readonly verdict: 'wrong'; readonly message: string };

/** What the object says by itself. */
export function judge(kind: Kind, object: KubeObject): Judgement {
  const document = kindFacts.get(kind)!.document(object);
  if (!document) return { verdict: 'none' };
  const parsed = parseResource(document);
  if (!parsed.ok) return { verdict: 'wrong', message: sentence(parsed.problems) };
  return { verdict: 'right', resource: parsed.resource, warnings: parsed.warnings.map((warning) => line(warning)) };
}

/** Kinds that others refer to or must not contradict, and which these are: they are judged again when one of the former changes. */
export const dependents: Partial<Record<Kind, readonly Kind[]>> = {
  IPPool: ['IPPool', 'Service'],
  Tier: ['NetworkPolicy', 'GlobalNetworkPolicy'],
  BGPFilter: ['BGPPeer'],
  BGPConfiguration: ['Service', 'EndpointSlice'],
};

/** Why resources cannot stand beside all others, by item: of two that contradict each other it is the younger. */
export function judgeTogether(world: World, batch: readonly AnyResource[]): Map<string, string> {
  const context: AnyResource[] = [];
  for (const kind of ['IPPool', 'Tier', 'BGPFilter'] as const) {
    // A tier that is to go is there for its policies until the last of them is gone.
    const counts = ({ metadata }: KubeObject) =>
      !metadata.deletionTimestamp || (kind === 'Tier' && world.stored(kind).has(metadata.name));
    const objects = [...world.objects(kind).values()].filter(counts);
    for (const object of objects.sort(byAge)) {
      const judgement = judge(kind, object);
      if (judgement.verdict === 'right') context.push(judgement.resource);
    }
  }
  const inContext = new Set(context.map(({ kind, metadata }) => objectName(kind, metadata)));
  const rest = batch.filter(({ kind, metadata }) => !inContext.has(objectName(kind, metadata)));
  const complaints = new Map<string, string>();
  const items = new Map(
    batch.map(({ kind, metadata }) => {
      const key = metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name;
      return [objectName(kind, metadata), itemKey(kind, key)];
    }),
  );
  for (const problem of checkTogether([...context, ...rest])) {
    const item = items.get(problem.object);
    if (item) complaints.set(item, [complaints.get(item), line(problem)].filter(Boolean).join('; '));
  }
  return complaints;
}

function byAge(a: KubeObject, b: KubeObject): number {
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (left !== right) return left < right ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

/** As it is stored. */
export function putOf({ apiVersion, kind, metadata, spec }: AnyResource): ResourcePut {
  const { name, namespace = '', uid, labels } = metadata;
  return { apiVersion, kind, name, namespace, uid, labels, spec };
}

type Problems = Parameters<typeof formatProblem>[0];
const line = ({ field, message }: Problems): string => (field ? `${field}: ${message}` : message);
const sentence = (problems: readonly Problems[]): string => problems.map(line).join('; ');
