import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Datastore, StoredBlock } from '@caracal/datastore';
import type { AssertBlocksRequest, AssertBlocksResponseSchema } from '@caracal/protocol';
import type { Logger } from 'pino';
import { readBlock, requireIncarnation } from './blocks.ts';

/** Brings what is stored in line with the node's journal, which is the authority on what it holds. */
export async function assertBlocks(
  datastore: Datastore,
  logger: Logger,
  node: string,
  request: AssertBlocksRequest,
): Promise<MessageInitShape<typeof AssertBlocksResponseSchema>> {
  const { incarnation, machine, revision, nonce } = request;
  requireIncarnation(incarnation);
  const blocks = request.blocks.map(({ cidr, pool }) => ({ cidr: readBlock(cidr), pool }));
  const seen = revision > 0n ? { revision, nonce } : undefined;
  const answer = await datastore.write({ op: 'assert', node, incarnation, machine, blocks, seen });
  const log = logger.child({ node, incarnation });
  if (answer.fenced !== undefined) {
    log.error({ reason: answer.fenced }, 'this incarnation of the node owns nothing any more');
    return { result: { case: 'fenced', value: answer.fenced } };
  }
  if (answer.otherAlive !== undefined) {
    const reason = `node ${node} is alive as incarnation ${answer.otherAlive}: two machines have one name`;
    log.error({ other: answer.otherAlive }, 'two machines have the name of one node: the newer is refused');
    return { result: { case: 'otherAlive', value: reason } };
  }
  const { conflicts = [], stranded = [] } = answer;
  for (const { held, node: owner } of conflicts)
    log.error({ block: held, owner }, 'a block that the node holds has another owner');
  for (const { cidr } of stranded) log.warn({ block: cidr }, 'a block is owned by an earlier incarnation of the node');
  log.info({ blocks: blocks.length, revision: String(answer.revision) }, 'node has said what it owns');
  const own = ({ cidr, pool, node: owner }: StoredBlock) => ({ cidr, pool, node: owner });
  return {
    result: {
      case: 'asserted',
      value: {
        conflicts: conflicts.map(({ held, pool, node: owner }) => ({ cidr: held, pool, node: owner })),
        stranded: stranded.map(own),
        blocks: (answer.blocks ?? []).map(own),
      },
    },
  };
}
