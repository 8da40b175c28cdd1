import { kyselyOn, openPool } from './database.ts';
import { type FeedObserver, type FollowOptions, followFeed } from './follow.ts';
import { GroupWriter } from './group-writer.ts';
import type { StoredBlock, StoredEndpoint, StoredResource } from './items.ts';
import { type AddressEvent, addressHistory } from './queries/address-history.ts';
import { type BlockOwner, blockOwners } from './queries/block-owners.ts';
import { checkIpam, type IpamCheck } from './queries/check-ipam.ts';
import { type Durability, durability } from './queries/durability.ts';
import { keepHistory } from './queries/keep-history.ts';
import { listBlocks } from './queries/list-blocks.ts';
import { listEndpoints } from './queries/list-endpoints.ts';
import { listResources, type ResourceFilter } from './queries/list-resources.ts';
import { type NodeLife, nodeLife } from './queries/node-life.ts';
import { listNodeStatus, reportStatus, type StoredNodeStatus } from './queries/node-status.ts';
import { type PoolUsage, poolUsage } from './queries/pool-usage.ts';
import { type KnownNode, recoverNode } from './queries/recover-node.ts';
import { listServiceAddresses, type ServiceAddress } from './queries/service-addresses.ts';
import { type ShownToken, spendToken } from './queries/spend-token.ts';
import { type TakenEpoch, takeEpoch } from './queries/take-epoch.ts';
import { trimFeed } from './queries/trim-feed.ts';
import { type WriteAnswer, type WriteRequest, write } from './queries/write.ts';

/** The store of record. Everything here fails with what `pg` throws; `unavailableReason` tells a database that is away. */
export interface Datastore {
  /** Stores one request in whole or not at all; what forbids it comes back in the answer. Concurrent requests share a transaction;
   * one whose signal aborts while it waits for its turn is dropped. */
  write<R extends WriteRequest>(request: R, signal?: AbortSignal): Promise<WriteAnswer<R>>;
  listResources(filter: ResourceFilter): Promise<{ resources: StoredResource[]; revision: bigint }>;
  listBlocks(): Promise<StoredBlock[]>;
  /** What Services of type LoadBalancer have. */
  listServiceAddresses(): Promise<ServiceAddress[]>;
  /** The nodes that own blocks, by name. */
  blockOwners(): Promise<BlockOwner[]>;
  listEndpoints(address?: string): Promise<StoredEndpoint[]>;
  /** Answers with the addresses that are asked back from the node. */
  reportStatus(node: string, status: unknown): Promise<string[]>;
  recoverNode(node: string): Promise<KnownNode>;
  checkIpam(): Promise<IpamCheck>;
  durability(): Promise<Durability>;
  addressHistory(address: string, limit: number): Promise<AddressEvent[]>;
  /** To be called at start and every few hours: makes the history's partitions, and drops those that are older. */
  keepHistory(keepDays: number): Promise<void>;
  listNodeStatus(): Promise<StoredNodeStatus[]>;
  nodeLife(node: string): Promise<NodeLife>;
  poolUsage(): Promise<PoolUsage[]>;
  /** The first act of an operator that became leader: fences all before it. */
  takeEpoch(clusterUid: string, leader: string): Promise<TakenEpoch>;
  /** Spends an enrolment token; answers with the time of a former use for another key, when there was one. */
  spendToken(token: ShownToken): Promise<Date | undefined>;
  trimFeed(olderThanSeconds: number): Promise<void>;
  /** Tells the observer all of the feed until the signal aborts; see follow.ts. */
  follow(observer: FeedObserver, options: FollowOptions): Promise<void>;
  close(): Promise<void>;
}

export interface DatastoreOptions {
  /** Connections besides the feed's (default 4). */
  readonly connections?: number;
  /** An idle connection was lost. */
  readonly onConnectionLost?: (error: Error) => void;
  /** A call of the write function went out with this many requests. */
  readonly onWrite?: (requests: number) => void;
}

/** Connects to nothing yet: a database that is away shows in the calls. */
export function openDatastore(url: string, options: DatastoreOptions = {}): Datastore {
  const database = kyselyOn(openPool(url, options.connections ?? 4, options.onConnectionLost ?? (() => {})));
  const writer = new GroupWriter((requests) => write(database, requests), options.onWrite);
  return {
    write: (request, signal) => writer.submit(request, signal),
    listResources: (filter) => listResources(database, filter),
    listBlocks: () => listBlocks(database),
    listServiceAddresses: () => listServiceAddresses(database),
    blockOwners: () => blockOwners(database),
    listEndpoints: (address) => listEndpoints(database, address),
    reportStatus: (node, status) => reportStatus(database, node, status),
    recoverNode: (node) => recoverNode(database, node),
    checkIpam: () => checkIpam(database),
    durability: () => durability(database),
    addressHistory: (address, limit) => addressHistory(database, address, limit),
    keepHistory: (keepDays) => keepHistory(database, keepDays),
    listNodeStatus: () => listNodeStatus(database),
    nodeLife: (node) => nodeLife(database, node),
    poolUsage: () => poolUsage(database),
    takeEpoch: (clusterUid, leader) => takeEpoch(database, clusterUid, leader),
    spendToken: (token) => spendToken(database, token),
    trimFeed: (olderThanSeconds) => trimFeed(database, olderThanSeconds),
    follow: (observer, followOptions) => followFeed(url, observer, followOptions),
    close: () => database.destroy(),
  };
}
