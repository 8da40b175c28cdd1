import { labelKeyComplaint, labelValueComplaint, objectName } from '@caracal/api';
import type { Datastore } from '@caracal/datastore';
import type { LabelRequest } from '@caracal/protocol';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';

/** The kinds whose labels are nobody's document: the runtime made the pod, its first pod made the namespace, its agent the node. */
const labelled = ['Pod', 'Namespace', 'ServiceAccount', 'Node'];

/** Merges labels into an object; an empty value removes the label. */
export async function labelResource(
  datastore: Datastore,
  logger: Logger,
  request: LabelRequest,
): Promise<{ revision: bigint }> {
  const { kind = '', namespace = '', name = '' } = request.key ?? {};
  if (!labelled.includes(kind)) {
    throw new ConnectError(
      `labels are set on ${labelled.join(', ')}; of a ${kind || '(no kind)'} they are applied`,
      Code.InvalidArgument,
    );
  }
  const object = objectName(kind, { name, namespace });
  for (const [key, value] of Object.entries(request.labels)) {
    const complaint = labelKeyComplaint(key) ?? (value === '' ? undefined : labelValueComplaint(value));
    if (complaint) throw new ConnectError(`${object}: label ${key}=${value}: ${complaint}`, Code.InvalidArgument);
  }
  const labels = Object.fromEntries(
    Object.entries(request.labels).map(([key, value]) => [key, value === '' ? null : value]),
  );
  const { refused, revision } = await datastore.write({ op: 'resources', label: [{ kind, namespace, name, labels }] });
  if (refused) throw new ConnectError(`${object} does not exist`, Code.NotFound);
  logger.info({ object, labels: request.labels, revision: String(revision) }, 'labels set');
  return { revision };
}
