/** Objects that are to go and wait until nothing uses them any more. */
import type { Kind } from '@caracal/api';
import type { Datastore } from '@caracal/datastore';
import type { KubeObject } from '@caracal/kube';
import { Fenced } from './fenced.ts';
import { judge, putOf } from './judge.ts';
import { refusalText } from './refusal.ts';
import type { World } from './world.ts';

export interface DrainParts {
  readonly datastore: Datastore;
  readonly epoch: bigint;
  readonly world: World;
}

/**
 * Takes the object out of Postgres when nothing uses it; otherwise says what does.
 * @throws Fenced, and what Postgres throws
 */
export async function drain(parts: DrainParts, kind: Kind, object: KubeObject): Promise<string | undefined> {
  const { datastore, epoch } = parts;
  const { name } = object.metadata;
  const users = kind === 'Tier' ? await policiesOf(parts, name) : undefined;
  if (users) return users;
  const deletion = { op: 'resources', epoch, delete: [{ kind, namespace: '', name }], missingOk: true } as const;
  const answer = await datastore.write(deletion);
  if (answer.fenced) throw new Fenced();
  const [refusal] = answer.refused ?? [];
  if (refusal && kind === 'IPPool') await disable(parts, object);
  return refusal && refusalText(refusal);
}

/** No new blocks of it. */
async function disable({ datastore, epoch }: DrainParts, pool: KubeObject): Promise<void> {
  const judgement = judge('IPPool', pool);
  if (judgement.verdict !== 'right') return;
  const put = putOf(judgement.resource);
  const disabled = { ...put, spec: { ...(put.spec as object), disabled: true } }; // the spec of a pool is a map
  await datastore.write({ op: 'resources', epoch, put: [disabled] });
}

const policyKinds = ['NetworkPolicy', 'GlobalNetworkPolicy'] as const;

/** The policies that are in a tier: as Kubernetes has them, and as they were stored when what Kubernetes has is wrong. */
async function policiesOf({ datastore, world }: DrainParts, tier: string): Promise<string | undefined> {
  if (tier === 'default') return undefined; // it is there without an object
  const isIn = (spec: unknown) => (spec as { tier?: string } | undefined)?.tier === tier; // a map, by the schema
  const names = policyKinds.flatMap((kind) =>
    [...world.objects(kind)].filter(([, { spec }]) => isIn(spec)).map(([key]) => `${kind}/${key}`),
  );
  if (names.length === 0) {
    const { resources } = await datastore.listResources({ kinds: policyKinds });
    for (const { kind, namespace, name, spec } of resources)
      if (isIn(spec)) names.push([kind, ...(namespace ? [namespace] : []), name].join('/'));
  }
  if (names.length === 0) return undefined;
  const shown = names.sort().slice(0, 5).join(', ');
  return `policies are in it: ${shown}${names.length > 5 ? `, ${names.length - 5} more` : ''}`;
}
