import { familyOf, formatAddress, formatPrefix, type Prefix } from '@caracal/net';
import {
  enterNetns,
  type Link,
  type Netns,
  type NextHop,
  openRouteSocket,
  type Result,
  type Route,
  type RouteSocket,
  readSysctl,
  routeProtocols,
} from '@caracal/netlink';
import { hostInterfacePrefix } from './interface-name.ts';
import { hostLengths, hostMac } from './link-local.ts';
import { inspectShape } from './shape.ts';
import type { Inspection, InspectRequest, Sysctl, WiringFailure, WiringOperations } from './types.ts';
import { failure, openPodNetns } from './wire.ts';

/** Compares a pod's interface with what `wire` makes. Changes nothing. */
export function inspect(host: RouteSocket, request: InspectRequest): Inspection | WiringFailure {
  const opened = openPodNetns(request.netnsPath);
  if (!opened.ok) return opened;
  let pod: RouteSocket | undefined;
  try {
    pod = openRouteSocket({ netns: opened.netns });
    const problems: string[] = [];
    const near = lookUp(host, request.hostInterface, 'on the host', problems);
    const far = lookUp(pod, request.podInterface, 'in the pod', problems);
    if (near && far && (near.linkIndex !== far.index || far.linkIndex !== near.index)) {
      problems.push(`interface ${request.podInterface} in the pod is not the peer of ${request.hostInterface}`);
    }
    if (near)
      problems.push(...inspectHost(host, near, request), ...inspectShape(host, near.name, request.bandwidth ?? {}));
    if (near && far) problems.push(...inspectPod(pod, far, request, answersByProxyArp(host, near)));
    problems.push(...inspectSysctls(opened.netns, request.sysctls ?? []));
    return { ok: true, problems };
  } catch (error) {
    return failure('kernel', error instanceof Error ? error.message : String(error));
  } finally {
    pod?.close();
    opened.netns.close();
  }
}

/** Our interfaces on the host with the addresses that our routes lead to them, and the blocks that have a blackhole: what recovery starts from. */
export function listOwnInterfaces(host: RouteSocket): WiringOperations['listOwnInterfaces']['answer'] {
  try {
    const routes = podRoutes(host);
    const addresses = Map.groupBy(routes, (route) => route.nextHops[0]?.interfaceIndex);
    const interfaces = unwrap(host.listLinks())
      .filter((link) => link.kind === 'veth' && link.name.startsWith(hostInterfacePrefix))
      .map(({ name, index, mtu, up }) => ({ name, index, mtu, up, addresses: destinations(addresses.get(index)) }));
    const blocks = routes.filter(({ type }) => type === 'blackhole').map(({ prefix }) => formatPrefix(prefix));
    return { ok: true, interfaces, blocks };
  } catch (error) {
    return failure('kernel', error instanceof Error ? error.message : String(error));
  }
}

/** Our routes of both families. */
function podRoutes(host: RouteSocket): Route[] {
  const protocol = routeProtocols.pod;
  return ([4, 6] as const).flatMap((family) => unwrap(host.listRoutes({ family, protocol })));
}

function destinations(routes: readonly Route[] = []): string[] {
  return routes
    .filter(({ prefix, type }) => prefix.length === hostLengths[prefix.address.family] && type !== 'blackhole')
    .map(({ prefix }) => formatAddress(prefix.address));
}

function lookUp(socket: RouteSocket, name: string, where: string, problems: string[]): Link | undefined {
  const link = unwrap(socket.findLink(name));
  if (!link) problems.push(`interface ${name} is missing ${where}`);
  else if (!link.up) problems.push(`interface ${name} is down ${where}`);
  return link;
}

function inspectHost(host: RouteSocket, link: Link, request: InspectRequest): string[] {
  const routes = podRoutes(host);
  return request.addresses
    .filter((address) => !routes.some((route) => leadsTo(route, address, link)))
    .map((address) => `the route to ${address} by ${link.name} is missing on the host`);
}

function leadsTo(route: Route, address: string, link: Link): boolean {
  return isHost(route.prefix, address) && route.nextHops[0]?.interfaceIndex === link.index;
}

function isHost(prefix: Prefix, address: string): boolean {
  return prefix.length === hostLengths[prefix.address.family] && formatAddress(prefix.address) === address;
}

/** Whether the host answers a pod that asks for its gateway: proxy ARP does for what is routed by another interface. */
function answersByProxyArp(host: RouteSocket, link: Link): boolean {
  return unwrap(host.listRoutes({ family: 4 })).some(
    ({ prefix, nextHops }) => prefix.length === 0 && nextHops.some((hop) => hop.interfaceIndex !== link.index),
  );
}

/** `resolves`: the pod can do without its permanent neighbour entry, which the kernel drops when a plugin changes the MAC. */
function inspectPod(pod: RouteSocket, link: Link, request: InspectRequest, resolves: boolean): string[] {
  const problems: string[] = [];
  const present = unwrap(pod.listAddresses(link.index)).map(({ address }) => formatAddress(address));
  for (const address of request.addresses) {
    if (!present.includes(address)) problems.push(`address ${address} is missing on ${link.name} in the pod`);
  }
  const { mac, mtu } = request;
  if (mac && link.mac !== mac.toLowerCase())
    problems.push(`${link.name} in the pod has the MAC ${link.mac}, not ${mac}`);
  if (mtu && link.mtu !== mtu) problems.push(`${link.name} in the pod has the MTU ${link.mtu}, not ${mtu}`);
  for (const gateway of request.defaultRoutes) {
    const family = familyOf(gateway);
    const isOwn = ({ gateway: by, interfaceIndex }: NextHop) =>
      by && formatAddress(by) === gateway && interfaceIndex === link.index;
    const hasDefault = unwrap(pod.listRoutes({ family, table: 'all' })).some(
      ({ prefix, nextHops }) => prefix.length === 0 && nextHops.some(isOwn),
    );
    if (!hasDefault) problems.push(`the default route by ${gateway} is missing in the pod`);
    // Neighbours of IPv6 find each other by themselves: the host's end has the address.
    if (resolves || family === 6) continue;
    const hasNeighbour = unwrap(pod.listPermanentNeighbours()).some(
      ({ address, mac, interfaceIndex }) =>
        formatAddress(address) === gateway && mac === hostMac && interfaceIndex === link.index,
    );
    if (!hasNeighbour) problems.push(`the neighbour entry of ${gateway} is missing in the pod`);
  }
  return problems;
}

function inspectSysctls(netns: Netns, sysctls: readonly Sysctl[]): string[] {
  if (sysctls.length === 0) return [];
  const plain = (value: string) => value.trim().replace(/\s+/g, ' ');
  return enterNetns(netns, () =>
    sysctls
      .map(({ name, path, value }) => ({ name, value, now: readSysctl(path) }))
      .filter(({ value, now }) => plain(value) !== plain(now))
      .map(({ name, value, now }) => `${name} in the pod is ${now}, not ${value}`),
  );
}

function unwrap<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}
