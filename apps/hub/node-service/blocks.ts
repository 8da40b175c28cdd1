import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Datastore } from '@caracal/datastore';
import { formatPrefix, parseAddress, parsePrefix } from '@caracal/net';
import type { ClaimBlockRequest, ClaimBlockResponseSchema, ReleaseBlockRequest } from '@caracal/protocol';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';

/** The lowest free block of a pool, or that of an address, for this node. */
export async function claimBlock(
  datastore: Datastore,
  logger: Logger,
  node: string,
  request: ClaimBlockRequest,
  signal: AbortSignal,
): Promise<MessageInitShape<typeof ClaimBlockResponseSchema>> {
  const { pool, incarnation, address, revision, nonce } = request;
  const seen = revision > 0n ? { revision, nonce } : undefined;
  requireIncarnation(incarnation);
  if (address && !parseAddress(address)) throw new ConnectError(`"${address}" is no address`, Code.InvalidArgument);
  const held = request.held?.cidrs.map(readCidr);
  const answer = await datastore.write({ op: 'claim', pool, node, incarnation, held, address, seen }, signal);
  if (answer.refused !== undefined) {
    logger.warn({ node, pool, reason: answer.refused }, 'no block granted');
    return { result: { case: 'refused', value: answer.refused } };
  }
  if (answer.taken) {
    logger.warn(
      { node, pool, address, block: answer.taken.cidr, owner: answer.taken.node },
      'no block granted: another node has it',
    );
    return { result: { case: 'taken', value: { cidr: answer.taken.cidr, pool, node: answer.taken.node } } };
  }
  if (answer.limit !== undefined) {
    logger.warn({ node, pool, blocks: answer.limit }, 'no block granted: the node has as many as it may have');
    return { result: { case: 'limit', value: { blocks: answer.limit } } };
  }
  if (answer.unknownPool) throw new ConnectError(`there is no IPPool/${pool}`, Code.NotFound);
  if (answer.disabledPool) {
    throw new ConnectError(`IPPool/${pool} is disabled: no new blocks are granted from it`, Code.FailedPrecondition);
  }
  if (!answer.block) {
    logger.warn({ node, pool, blocks: answer.full }, 'no block granted: the pool is full');
    return { result: { case: 'poolFull', value: { blocks: answer.full } } };
  }
  const { cidr } = answer.block;
  logger.info({ node, pool, block: cidr, revision: String(answer.revision) }, 'block granted');
  return { result: { case: 'block', value: { cidr, pool, node } } };
}

/** Gives a block back; only its owner can. Repeating it is no error. */
export async function releaseBlock(
  datastore: Datastore,
  logger: Logger,
  node: string,
  request: ReleaseBlockRequest,
): Promise<object> {
  requireIncarnation(request.incarnation);
  const cidr = readCidr(request.cidr);
  const { owner, released } = await datastore.write({ op: 'release', cidr, node, incarnation: request.incarnation });
  if (owner && owner.node !== node) {
    logger.warn({ node, block: cidr, owner: owner.node }, 'release refused: the block belongs to another node');
    throw new ConnectError(`block ${cidr} belongs to node ${owner.node}, not to ${node}`, Code.PermissionDenied);
  }
  if (owner) {
    throw new ConnectError(
      `block ${cidr} belongs to incarnation ${owner.incarnation} of node ${node}, not to ${request.incarnation}`,
      Code.FailedPrecondition,
    );
  }
  if (released) logger.info({ node, block: cidr }, 'block released');
  return {};
}

export function requireIncarnation(incarnation: string): void {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(incarnation)) {
    throw new ConnectError(`incarnation "${incarnation}" is no UUID`, Code.InvalidArgument);
  }
}

/** Lengths that a pool's blockSize can have: a node that says it owns more would own a pool. */
const blockLengths = { 4: [20, 32], 6: [116, 128] } as const;

export function readBlock(text: string): string {
  const cidr = readCidr(text);
  const prefix = parsePrefix(cidr);
  const [least, most] = blockLengths[prefix?.address.family ?? 4];
  if (prefix && prefix.length >= least && prefix.length <= most) return cidr;
  throw new ConnectError(`${cidr} is no block: its length is not between /${least} and /${most}`, Code.InvalidArgument);
}

export function readCidr(text: string): string {
  const prefix = parsePrefix(text);
  if (!prefix) throw new ConnectError(`"${text}" is no CIDR`, Code.InvalidArgument);
  return formatPrefix(prefix);
}
