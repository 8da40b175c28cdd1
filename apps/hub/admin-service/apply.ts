import type { MessageInitShape } from '@bufbuild/protobuf';
import { type AnyResource, type DocumentProblem, type Problem, parseAll } from '@caracal/api';
import type { Datastore, ResourcePut } from '@caracal/datastore';
import type { ApplyRequest, ApplyResponseSchema } from '@caracal/protocol';
import type { Logger } from 'pino';
import { nameOf, replacing, writeChecked } from './checked.ts';

type Response = MessageInitShape<typeof ApplyResponseSchema>;

/** Stores all of the documents or none: each is valid by itself, all of them together with what is stored. */
export async function applyDocuments(datastore: Datastore, logger: Logger, request: ApplyRequest): Promise<Response> {
  const documents: unknown[] = [];
  const unreadable: DocumentProblem[] = [];
  for (const [document, text] of request.documents.entries()) {
    try {
      documents.push(JSON.parse(text));
    } catch (error) {
      unreadable.push({
        document,
        object: '',
        field: '',
        message: `is no JSON: ${error instanceof Error ? error.message : error}`,
      });
    }
  }
  if (unreadable.length > 0) return { problems: unreadable };

  const { resources, problems, warnings } = parseAll(documents);
  if (problems.length > 0) return refuse(logger, [...problems], warnings);
  const wanted = resources.map(({ resource }) => withImpliedLabels(resource));
  /** The document that an object came from; of an object that is not among them, the first. */
  const located = (problem: Problem): DocumentProblem => {
    const index = wanted.findIndex((resource) => nameOf(resource) === problem.object);
    return { document: index < 0 ? 0 : resources[index].document, ...problem };
  };

  const answer = await writeChecked(datastore, { put: wanted.map(putOf), dryRun: request.dryRun }, (stored) =>
    replacing(stored, wanted),
  );
  if (!answer.ok) return refuse(logger, answer.problems.map(located), warnings);

  const applied = wanted.map((resource, i) => ({
    object: nameOf(resource),
    outcome: answer.outcomes[i],
  }));
  if (!request.dryRun) {
    for (const { object, outcome } of applied) {
      if (outcome !== 'unchanged')
        logger.info({ object, outcome, revision: String(answer.revision) }, 'resource applied');
    }
  }
  return { applied, warnings: [...warnings], revision: answer.revision };
}

function refuse(logger: Logger, problems: DocumentProblem[], warnings: readonly DocumentProblem[]): Response {
  for (const { object, field, message } of problems)
    logger.info({ object, field, reason: message }, 'resource refused');
  return { problems, warnings: [...warnings] };
}

function putOf({ apiVersion, kind, metadata, spec }: AnyResource): ResourcePut {
  const { namespace = '', name, labels, annotations } = metadata;
  // A Pod's uid joins it with its endpoint; of everything else the uid is ours to give.
  return {
    apiVersion,
    kind,
    namespace,
    name,
    uid: kind === 'Pod' ? metadata.uid : undefined,
    labels,
    annotations,
    spec,
  };
}

/** Kubernetes puts a namespace's name among its labels, so that selectors can name it. */
function withImpliedLabels(resource: AnyResource): AnyResource {
  if (resource.kind !== 'Namespace') return resource;
  const { metadata } = resource;
  return {
    ...resource,
    metadata: { ...metadata, labels: { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name } },
  };
}
