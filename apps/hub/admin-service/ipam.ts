import type { MessageInitShape } from '@bufbuild/protobuf';
import { objectName, parseResource } from '@caracal/api';
import type { Datastore, ResourcePut } from '@caracal/datastore';
import { addOffset, formatAddress, formatPrefix, parseAddress, parsePrefix, prefixOf } from '@caracal/net';
import type {
  AddressHistoryRequest,
  AddressHistoryResponseSchema,
  CheckIpamResponseSchema,
  EndReassertionResponseSchema,
  ReclaimNodeRequest,
  ReclaimNodeResponseSchema,
  ReleaseAddressRequest,
  ReleaseAddressResponseSchema,
  SplitPoolRequest,
  SplitPoolResponseSchema,
} from '@caracal/protocol';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';

const mostParts = 64;
/** Nodes report every ten seconds; the database takes one for alive as long (is_alive). */
const aliveSeconds = 45;

export async function checkIpam(datastore: Datastore): Promise<MessageInitShape<typeof CheckIpamResponseSchema>> {
  const { findings, ...counts } = await datastore.checkIpam();
  return { findings: [...findings], ...counts };
}

export async function addressHistory(
  datastore: Datastore,
  { address, limit }: AddressHistoryRequest,
): Promise<MessageInitShape<typeof AddressHistoryResponseSchema>> {
  const events = await datastore.addressHistory(requireAddress(address), Math.min(limit || 100, 10_000));
  return { events: events.map(({ at, ...event }) => ({ ...event, atMs: BigInt(at.getTime()) })) };
}

/** Asks its node for the address; what the node says comes with a later call. */
export async function releaseAddress(
  datastore: Datastore,
  logger: Logger,
  { address, again }: ReleaseAddressRequest,
): Promise<MessageInitShape<typeof ReleaseAddressResponseSchema>> {
  const {
    state,
    node = '',
    reason = '',
  } = await datastore.write({
    op: 'askBack',
    address: requireAddress(address),
    again,
  });
  logger.info({ address, state, node, reason }, 'an address is asked back');
  return { state, node, reason };
}

/**
 * The node is off for good: all that it owns can be given to others. Refused for a node that reports, since its pods use what it owns, and for
 * one that nobody knows.
 */
export async function reclaimNode(
  datastore: Datastore,
  logger: Logger,
  standalone: boolean,
  { node, formerOnly }: ReclaimNodeRequest,
): Promise<MessageInitShape<typeof ReclaimNodeResponseSchema>> {
  const { known, silentSeconds = Number.POSITIVE_INFINITY } = await datastore.nodeLife(node);
  if (!known) throw new ConnectError(`no node ${node} is known: none of that name has ever reported`, Code.NotFound);
  if (!formerOnly && silentSeconds >= 0 && silentSeconds < aliveSeconds) {
    const message = `node ${node} reported ${Math.round(silentSeconds)} s ago: it is not off, and its pods use what it owns. Stop its agent and end its pods, and ask again ${aliveSeconds} s later`;
    throw new ConnectError(message, Code.FailedPrecondition);
  }
  const { released = [], endpoints = 0 } = await datastore.write({
    op: 'reclaim',
    node,
    formerOnly,
    removePods: standalone,
  });
  logger.warn(
    { node, formerOnly, blocks: released, endpoints },
    'a node was declared to be off: what it owned is free',
  );
  return { cidrs: [...released], endpoints };
}

export async function endReassertion(
  datastore: Datastore,
  logger: Logger,
): Promise<MessageInitShape<typeof EndReassertionResponseSchema>> {
  const { nodes } = await datastore.write({ op: 'endReassertion' });
  logger.warn({ missing: nodes }, 'blocks are granted again, by an administrator');
  return { nodes: [...nodes] };
}

/** Replaces a pool by equal parts of it, named after it: `NAME-0`, `NAME-1`, … */
export async function splitPool(
  datastore: Datastore,
  logger: Logger,
  { pool, prefixLength }: SplitPoolRequest,
): Promise<MessageInitShape<typeof SplitPoolResponseSchema>> {
  const object = objectName('IPPool', { name: pool });
  const refuse = (message: string) => ({ problems: [{ document: 0, object, field: 'spec.cidr', message }] });
  const [stored] = (await datastore.listResources({ kinds: ['IPPool'], name: pool })).resources;
  if (!stored) throw new ConnectError(`there is no ${object}`, Code.NotFound);
  // As the schema of IPPool has it: it was validated when it came in.
  const spec = stored.spec as { cidr: string; blockSize: number };
  const prefix = parsePrefix(spec.cidr);
  if (!prefix || prefixLength <= prefix.length || prefixLength > spec.blockSize) {
    return refuse(
      `/${prefixLength} is not between /${(prefix?.length ?? 0) + 1} and the size of a block, /${spec.blockSize}`,
    );
  }
  const count = 2 ** (prefixLength - prefix.length);
  if (count > mostParts) return refuse(`it would become ${count} pools; at most ${mostParts} at a time`);
  const bits = prefix.address.family === 4 ? 32 : 128;
  const parts: ResourcePut[] = [];
  for (let i = 0; i < count; i++) {
    const address = addOffset(prefix.address, i * 2 ** (bits - prefixLength));
    if (!address) throw new ConnectError(`${object} reaches beyond the last address`, Code.Internal);
    const { apiVersion, kind, namespace, labels, annotations } = stored;
    const part = { apiVersion, kind, namespace, name: `${pool}-${i}`, labels, annotations };
    parts.push({ ...part, spec: { ...spec, cidr: formatPrefix(prefixOf(address, prefixLength)) } });
  }
  for (const { name, apiVersion, spec: partSpec } of parts) {
    const parsed = parseResource({ apiVersion, kind: 'IPPool', metadata: { name }, spec: partSpec });
    if (!parsed.ok) return { problems: parsed.problems.map((problem) => ({ document: 0, ...problem })) };
  }
  const { outside, moved, revision } = await datastore.write({ op: 'split', pool, parts });
  if (outside) return refuse(`block ${outside[0].cidr} of node ${outside[0].node} is larger than /${prefixLength}`);
  logger.info(
    { object, parts: parts.map(({ name }) => name), blocks: moved, revision: String(revision) },
    'pool split',
  );
  return { pools: parts.map(({ name }) => name) };
}

function requireAddress(text: string): string {
  const address = parseAddress(text);
  if (!address) throw new ConnectError(`"${text}" is no IP address`, Code.InvalidArgument);
  return formatAddress(address);
}
