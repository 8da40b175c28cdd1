import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Datastore } from '@caracal/datastore';
import type { GetRequest, GetResponseSchema } from '@caracal/protocol';
import { resourceMessage } from '../feed/encode.ts';
import { requireKind } from './checked.ts';

/** The resources of a kind; of all kinds when it is empty. */
export async function getResources(
  datastore: Datastore,
  { kind, namespace, name }: GetRequest,
): Promise<MessageInitShape<typeof GetResponseSchema>> {
  const kinds = kind ? [requireKind(kind)] : undefined;
  const { resources, revision } = await datastore.listResources({ kinds, namespace, name });
  return { resources: resources.map(resourceMessage), revision };
}
