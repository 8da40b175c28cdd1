import { type MessageInitShape, toJson } from '@bufbuild/protobuf';
import type { Datastore, ResourcePut } from '@caracal/datastore';
import { addressFromBytes, formatAddress, parseAddress } from '@caracal/net';
import { type NodeStatus, NodeStatusSchema, type ReportRequest, type ReportResponseSchema } from '@caracal/protocol';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';
import { readCidr } from './blocks.ts';
import { nodeResource, podResources } from './standalone.ts';

/** In characters: thousands of host ports. A longer one is not kept, and the report stands. */
const longestRecord = 1_000_000;

/**
 * Stores what a node says of its endpoints and itself. What nobody told before goes into the feed; a repetition changes nothing.
 * Status goes beside the feed, except the few facts of it that others act on, which are the Node. With Kubernetes the operator tells of
 * pods and nodes, and nothing of them is taken from here: one writer a fact.
 */
export function createReportHandler(
  datastore: Datastore,
  logger: Logger,
  standalone: boolean,
  onQuarantined: (endpoints: number) => void = () => {},
): (node: string, request: ReportRequest) => Promise<MessageInitShape<typeof ReportResponseSchema>> {
  /** What was last written of each node, so that a status report every few seconds does not take the revision lock. */
  const nodes = new Map<string, string>();

  return async (node, request) => {
    for (const { cidr } of request.status?.blocks ?? []) readCidr(cidr);
    for (const { address } of request.status?.leaked ?? [])
      if (!parseAddress(address)) throw new ConnectError(`"${address}" is no address`, Code.InvalidArgument);
    const endpoints = lastOfEach(request.endpoints.map(readEndpoint(node)), (e) => `${e.containerId}\0${e.interface}`);
    const removed = request.removed.map(({ containerId, interface: name }) => ({ containerId, interface: name }));
    const put: ResourcePut[] = [];
    if (standalone) put.push(...request.endpoints.flatMap((reported) => podResources(node, reported)));
    const own = standalone && request.status ? nodeResource(node, request.status) : undefined;
    const facts = JSON.stringify(own);
    if (own && (request.full || nodes.get(node) !== facts)) put.push(own);

    const refusals = request.releaseRefusals.flatMap(({ address, reason }) =>
      parseAddress(address) ? [{ address, reason }] : [],
    );

    if (request.full || endpoints.length + removed.length + put.length + refusals.length > 0) {
      const answer = await datastore.write({
        op: 'report',
        node,
        full: request.full,
        endpoints,
        removed,
        put: lastOfEach(put, (r) => `${r.kind}\0${r.namespace}\0${r.name}`),
        removePods: standalone,
        incarnation: request.status?.incarnation,
        refusals,
      });
      if (answer.fenced !== undefined) throw new ConnectError(answer.fenced, Code.FailedPrecondition);
      if (answer.quarantined) {
        onQuarantined(answer.quarantined);
        logger.error(
          { node, endpoints: answer.quarantined },
          'endpoints in quarantine: their addresses are not the node’s to use',
        );
      }
      if (own) nodes.set(node, facts);
    }
    const release = request.status ? await datastore.reportStatus(node, statusJson(request.status)) : [];
    return { release };
  };
}

function statusJson(status: NodeStatus): unknown {
  return toJson(NodeStatusSchema, status);
}

function readEndpoint(node: string) {
  return ({ endpoint, record }: ReportRequest['endpoints'][number]) => {
    if (!endpoint?.containerId || !endpoint.interface) {
      throw new ConnectError(`node ${node}: an endpoint needs a container id and an interface`, Code.InvalidArgument);
    }
    const { containerId, interface: name, podNamespace, podName, podUid } = endpoint;
    const addresses = endpoint.addresses.map((bytes) => {
      if (bytes.length !== 4 && bytes.length !== 16) {
        throw new ConnectError(
          `node ${node}, container ${containerId}: an address has 4 or 16 bytes, not ${bytes.length}`,
          Code.InvalidArgument,
        );
      }
      return formatAddress(addressFromBytes(bytes));
    });
    const described = { containerId, interface: name, podNamespace, podName, podUid, addresses };
    return record.length > longestRecord ? described : { ...described, record };
  };
}

/** A statement can touch a row once: of several with one key the last counts. */
function lastOfEach<T>(values: readonly T[], key: (value: T) => string): T[] {
  return [...new Map(values.map((value) => [key(value), value])).values()];
}
