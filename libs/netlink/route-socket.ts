import { type InterfaceAddress, listAddresses } from './addresses.ts';
import type { Outcome, Result } from './errors.ts';
import { createIfbLink, createVethLink, findLink, type Link, listLinks, type VethSpec } from './links.ts';
import { listPermanentNeighbours, listRouters, type Neighbour } from './neighbours.ts';
import { enterNetns, type Netns } from './netns.ts';
import { listQdiscs, type Qdisc } from './qdiscs.ts';
import { deleteRoute, listRoutes, type Route, type RouteFilter, type RouteKey, replaceRoute } from './routes.ts';
import { type BatchFailure, NetlinkSocket, type Request } from './socket.ts';

/** An rtnetlink socket. All calls are synchronous and take microseconds, listings apart. */
export interface RouteSocket {
  /** Carries out one request (`setLink(…)`, `addAddress(…)`, `addRoute(…)`, `deleteLink(…)`, …). */
  request(request: Request): Outcome;
  /** Several requests in one send; the first failure. Requests after a failed one are still carried out. */
  batch(requests: readonly Request[]): Outcome;
  /** Any number of requests, sent together where possible; every failure, with its index. */
  batchAll(requests: readonly Request[]): BatchFailure[];
  /** Adds or replaces a route (by prefix, metric and table). */
  replaceRoute(route: Route): Outcome;
  /** Deletes a route; that there is none is a success. */
  deleteRoute(key: RouteKey): Outcome;
  listRoutes(filter: RouteFilter): Result<Route[]>;
  /** Creates a veth pair, both ends down, and answers with the near one; EEXIST when either name is taken. */
  createVeth(spec: VethSpec): Result<Link>;
  /** Creates an ifb, up; EEXIST when the name is taken. */
  createIfb(name: string): Result<Link>;
  findLink(name: string): Result<Link | undefined>;
  listLinks(): Result<Link[]>;
  listAddresses(interfaceIndex?: number): Result<InterfaceAddress[]>;
  listPermanentNeighbours(): Result<Neighbour[]>;
  listRouters(): Result<Neighbour[]>;
  listQdiscs(): Result<Qdisc[]>;
  close(): void;
}

/** Opens an rtnetlink socket in this thread's network namespace, or in the given one (where it stays). */
export function openRouteSocket(options: { readonly netns?: Netns } = {}): RouteSocket {
  const socket = openNetlinkSocket(options.netns);
  return {
    request: (request) => socket.request(request),
    batch: (requests) => socket.batch(requests),
    batchAll: (requests) => {
      const failures: BatchFailure[] = [];
      socket.batchEach(requests, (failure) => failures.push(failure));
      return failures;
    },
    replaceRoute: (route) => socket.request(replaceRoute(route)),
    deleteRoute: (key) => {
      const outcome = socket.request(deleteRoute(key));
      return !outcome.ok && outcome.error.code === 'ESRCH' ? { ok: true } : outcome;
    },
    listRoutes: (filter) => listRoutes(socket, filter),
    createVeth: (spec) => createVethLink(socket, spec),
    createIfb: (name) => createIfbLink(socket, name),
    findLink: (name) => findLink(socket, name),
    listLinks: () => listLinks(socket),
    listAddresses: (interfaceIndex) => listAddresses(socket, interfaceIndex),
    listPermanentNeighbours: () => listPermanentNeighbours(socket),
    listRouters: () => listRouters(socket),
    listQdiscs: () => listQdiscs(socket),
    close: () => socket.close(),
  };
}

/** The raw socket, opened in the given namespace. */
export function openNetlinkSocket(netns?: Netns): NetlinkSocket {
  return netns ? enterNetns(netns, () => new NetlinkSocket()) : new NetlinkSocket();
}
