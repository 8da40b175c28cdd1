import { fromJson, type JsonValue, type MessageInitShape } from '@bufbuild/protobuf';
import type { Datastore } from '@caracal/datastore';
import { parseAddress } from '@caracal/net';
import {
  type ListBlocksResponseSchema,
  type ListEndpointsResponseSchema,
  type ListNodesResponseSchema,
  type NodeStatus,
  NodeStatusSchema,
} from '@caracal/protocol';
import { Code, ConnectError } from '@connectrpc/connect';
import { endpointMessage } from '../feed/encode.ts';
import type { ConnectedNodes } from '../node-service/connected-nodes.ts';

/** Every block with its owner, and how many of its addresses are used, as the owners last reported; and what Services have. */
export async function listBlocks(datastore: Datastore): Promise<MessageInitShape<typeof ListBlocksResponseSchema>> {
  const [blocks, reports, serviceAddresses] = await Promise.all([
    datastore.listBlocks(),
    datastore.listNodeStatus(),
    datastore.listServiceAddresses(),
  ]);
  const owners = new Map(blocks.map(({ cidr, node }) => [cidr, node]));
  // A node that has released a block may have reported its use before: only the owner's word counts.
  const usage = reports.flatMap(({ node, status }) =>
    readStatus(status).blocks.filter(({ cidr }) => owners.get(cidr) === node),
  );
  return { blocks: blocks.map(({ cidr, pool, node }) => ({ cidr, pool, node })), usage, serviceAddresses };
}

/** The endpoints that have an address, or all. */
export async function listEndpoints(
  datastore: Datastore,
  address: string,
): Promise<MessageInitShape<typeof ListEndpointsResponseSchema>> {
  if (address && !parseAddress(address)) throw new ConnectError(`"${address}" is no IP address`, Code.InvalidArgument);
  return { endpoints: (await datastore.listEndpoints(address || undefined)).map(endpointMessage) };
}

/** Agents report every ten seconds, to the hub that serves them. */
const recentMs = 25_000;

/**
 * Every node that has reported or is connected, with its last report. Where hubs are several, a node that has just reported is connected, to
 * another of them; that compares our clock with the database's, so nothing but what is shown may depend on it.
 */
export async function listNodes(
  datastore: Datastore,
  connected: ConnectedNodes,
  severalHubs: boolean,
): Promise<MessageInitShape<typeof ListNodesResponseSchema>> {
  const reported = await datastore.listNodeStatus();
  const known = new Set(reported.map(({ node }) => node));
  const silent = connected.names().filter((name) => !known.has(name));
  return {
    nodes: [
      ...reported.map(({ node, status, reportedAt }) => ({
        name: node,
        status: readStatus(status),
        reportedAtMs: BigInt(reportedAt.getTime()),
        connected: connected.has(node) || (severalHubs && Date.now() - reportedAt.getTime() < recentMs),
      })),
      ...silent.map((name) => ({ name, connected: true })),
    ].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** It was written by toJson of this message (of this version or the one before); fields that we do not know are passed over. */
function readStatus(status: unknown): NodeStatus {
  return fromJson(NodeStatusSchema, status as JsonValue, { ignoreUnknownFields: true });
}
