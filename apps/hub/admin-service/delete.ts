import type { MessageInitShape } from '@bufbuild/protobuf';
import { objectName, type Problem } from '@caracal/api';
import type { Datastore } from '@caracal/datastore';
import type { DeleteRequest, DeleteResponseSchema } from '@caracal/protocol';
import type { Logger } from 'pino';
import { nameOf, requireKind, writeChecked } from './checked.ts';

/** Removes all of the named resources or none; refused when one does not exist or something else still needs it. */
export async function deleteResources(
  datastore: Datastore,
  logger: Logger,
  request: DeleteRequest,
): Promise<MessageInitShape<typeof DeleteResponseSchema>> {
  const keys = request.keys.map(({ kind, namespace, name }) => ({ kind: requireKind(kind), namespace, name }));
  const objects = keys.map(({ kind, namespace, name }) => objectName(kind, { name, namespace }));
  /** A problem names the object that would be left without what it needs; a caller finds the deletion by its index. */
  const located = (problem: Problem) => ({ document: Math.max(0, objects.indexOf(problem.object)), ...problem });

  const answer = await writeChecked(datastore, { delete: keys }, (stored) =>
    stored.filter((resource) => !objects.includes(nameOf(resource))),
  );
  if (!answer.ok) {
    for (const { object, message } of answer.problems) logger.info({ object, reason: message }, 'deletion refused');
    return { problems: answer.problems.map(located) };
  }
  for (const object of objects) logger.info({ object, revision: String(answer.revision) }, 'resource deleted');
  return { revision: answer.revision };
}
