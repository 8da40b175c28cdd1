import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Datastore } from '@caracal/datastore';
import type { RecoverResponseSchema } from '@caracal/protocol';
import { endpointMessage } from '../feed/encode.ts';

/** What is known of a node, for when its journal is lost. Pods are what was reported or mirrored of them. */
export async function recoverNode(
  datastore: Datastore,
  node: string,
): Promise<MessageInitShape<typeof RecoverResponseSchema>> {
  const { incarnation, blocks, endpoints, pods } = await datastore.recoverNode(node);
  return {
    incarnation: incarnation ?? '',
    blocks: blocks.map(({ cidr, pool }) => ({ cidr, pool, node })),
    endpoints: endpoints.map(({ record = '', ...endpoint }) => {
      const pod = pods.get(endpoint.podUid);
      // A Pod's spec as libs/api has it.
      const spec = pod?.spec as
        | { serviceAccountName?: string; ports?: { name?: string; protocol?: string; containerPort: number }[] }
        | undefined;
      return {
        endpoint: endpointMessage(endpoint),
        record,
        labels: { ...pod?.labels },
        serviceAccount: spec?.serviceAccountName ?? '',
        ports: (spec?.ports ?? []).map(({ name = '', protocol = 'TCP', containerPort }) => ({
          name,
          protocol,
          port: containerPort,
        })),
      };
    }),
  };
}
