import { type AnyResource, checkTogether, isKind, type Kind, objectName, type Problem } from '@caracal/api';
import type { Datastore, PutOutcome, ResourcesRequest, StoredResource } from '@caracal/datastore';
import { Code, ConnectError } from '@connectrpc/connect';
import { refusalProblem } from './refusal.ts';

/** The kinds that some check across objects reads. */
const checkedKinds: readonly Kind[] = [
  'IPPool',
  'Tier',
  'NetworkPolicy',
  'GlobalNetworkPolicy',
  'BGPPeer',
  'BGPFilter',
];

const attempts = 10;

export type CheckedWrite =
  | { readonly ok: true; readonly outcomes: readonly PutOutcome[]; readonly revision: bigint }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Writes what stands the checks across objects; `after` says how the checked kinds would stand with it. It is written only if
 * nobody changed any of those since the look (else looked at again), so two administrators cannot store, at the same moment, what
 * neither could store after the other.
 */
export async function writeChecked(
  datastore: Datastore,
  request: Omit<ResourcesRequest, 'op' | 'expected'>,
  after: (stored: readonly AnyResource[]) => readonly AnyResource[],
): Promise<CheckedWrite> {
  for (let i = 0; i < attempts; i++) {
    const { resources, revision } = await datastore.listResources({ kinds: checkedKinds });
    const stored = resources.map(validated);
    const problems = newProblems(stored, after(stored));
    if (problems.length > 0) return { ok: false, problems };
    const expected = { revision, kinds: checkedKinds };
    const answer = await datastore.write({ op: 'resources', ...request, expected });
    if (answer.refused) return { ok: false, problems: answer.refused.map(refusalProblem) };
    if (!answer.conflict) return { ok: true, outcomes: answer.outcomes ?? [], revision: answer.revision };
  }
  throw new ConnectError('the configuration is being changed by others all the time: try again', Code.Aborted);
}

/** What a change would make wrong among all objects, and was not wrong before. */
function newProblems(before: readonly AnyResource[], after: readonly AnyResource[]): Problem[] {
  const known = new Set(checkTogether(before).map(textOf));
  return checkTogether(after).filter((problem) => !known.has(textOf(problem)));
}

/** The stored resources as they would stand with these in place of those of the same name. */
export function replacing(stored: readonly AnyResource[], changed: readonly AnyResource[]): AnyResource[] {
  const names = new Set(changed.map(nameOf));
  return [...stored.filter((resource) => !names.has(nameOf(resource))), ...changed];
}

export function nameOf(resource: AnyResource): string {
  return objectName(resource.kind, resource.metadata);
}

export function requireKind(kind: string): Kind {
  if (isKind(kind)) return kind;
  throw new ConnectError(`there is no kind ${kind}`, Code.InvalidArgument);
}

function textOf({ object, field, message }: Problem): string {
  return `${object}\0${field}\0${message}`;
}

/** What is stored was validated when it came in. */
function validated({ apiVersion, kind, namespace, name, uid, labels, annotations, spec }: StoredResource): AnyResource {
  const metadata = { name, ...(namespace && { namespace }), uid, labels, annotations };
  return { apiVersion, kind, metadata, spec } as AnyResource;
}
