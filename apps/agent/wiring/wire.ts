import { randomBytes } from 'node:crypto';
import { type Address, type Family, hostPrefix, parseAddress } from '@caracal/net';
import {
  addAddress,
  addRoute,
  addSourceRule,
  enterNetns,
  type LinkReaper,
  loopbackIndex,
  type NamespaceSysctls,
  type NetlinkError,
  type Netns,
  type Outcome,
  openNetns,
  openRouteSocket,
  type Request,
  type RouteSocket,
  replaceNeighbour,
  routeProtocols,
  setLink,
  showLink,
  writeSysctl,
} from '@caracal/netlink';
import { reached } from '../steps.ts';
import { forwardIpv6, openNamespaceToIpv6, prepareHostEnd, switchOffIpv6 } from './ipv6.ts';
import { everything, gateways, gatewayTexts, hostLengths, hostMac } from './link-local.ts';
import { shape, shaperName } from './shape.ts';
import type { Wired, WireRequest, WiringFailure, WiringFailureReason } from './types.ts';

/** The worker's means in the host's namespace, which it keeps open. */
export interface HostSockets {
  readonly host: RouteSocket;
  readonly reaper: LinkReaper;
  readonly sysctls: NamespaceSysctls;
}

/** Routing tables of second interfaces are this and the interface's index: above those that people number by hand. */
const firstSourceTable = 1_000_000;

/**
 * Makes the pod's interface: a veth pair with one end in the pod's namespace, each address by itself (/32, /128), a default route of each
 * family by its link-local gateway; on the host a route to each address. Without an address of IPv6 the interface has none of the kernel's choice
 * either, and the host takes no IPv6 from it. On failure the pair is deleted again, and with it all the rest.
 */
export async function wire(sockets: HostSockets, request: WireRequest): Promise<Wired | WiringFailure> {
  const addresses = request.addresses.map((text) => parseAddress(text));
  if (!addresses.every((address): address is Address => address !== undefined) || addresses.length === 0) {
    return failure('invalid', `addresses of a pod: "${request.addresses.join(', ')}" is no list of IP addresses`);
  }
  const families = ([4, 6] as const).filter((family) => addresses.some((address) => address.family === family));
  const hasIpv6 = families.includes(6);
  reached('wire: asked');
  const opened = openPodNetns(request.netnsPath);
  if (!opened.ok) return opened;
  const netns = opened.netns;
  let pod: RouteSocket | undefined;
  let created = false;
  try {
    pod = enterPod(netns, request.forwarding, hasIpv6);
    reached('wire: inside');
    const podMac = request.mac ?? randomMac();
    const { hostInterface, podInterface, mtu, queues } = request;
    const link = sockets.host.createVeth({
      name: hostInterface,
      mac: hostMac,
      mtu,
      queues,
      peer: { name: podInterface, mac: podMac, mtu, netnsFd: netns.fd },
    });
    if (!link.ok) return explainCreation(pod, request, link.error);
    created = true;
    reached('wire: pair made');
    const podIndex = link.value.linkIndex;
    if (podIndex === undefined) throw new Error(`veth ${hostInterface} has no peer`);

    const { sysctls = [] } = request;
    if (sysctls.length > 0) {
      enterNetns(netns, () => {
        for (const { path, value } of sysctls) writeSysctl(path, value);
      });
    }
    const routes = families.map((family) => ({ family, requests: gatewayRequests(podIndex, family) }));
    const withoutIpv6 = hasIpv6 ? [] : [setLink(podIndex, { ipv6: { addressGeneration: 'none' } })];
    const requests = [...withoutIpv6, ...podRequests(podIndex, addresses), ...routes.flatMap((each) => each.requests)];
    const failures = pod.batchAll(requests);
    const failed = (wanted: Request) => failures.some(({ index }) => requests[index] === wanted);
    const shared = routes.flatMap((each) => each.requests.slice(1));
    const [inside] = failures.filter(
      ({ index, error }) =>
        !(error.code === 'EEXIST' && shared.includes(requests[index])) &&
        !(error.code === 'EAFNOSUPPORT' && withoutIpv6.includes(requests[index])),
    );
    const defaultRoutes = routes.filter((each) => !failed(each.requests[2])).map(({ family }) => gatewayTexts[family]);
    const second = routes.flatMap(({ family, requests: [, , byDefault] }) => (failed(byDefault) ? [family] : []));
    const [unrouted] = pod
      .batchAll(sourceRequests(podIndex, addresses, second))
      .filter(({ error }) => error.code !== 'EEXIST');
    const wrong = inside ?? unrouted;
    if (wrong) return await undo(sockets, hostInterface, wrong.error.message);
    reached('wire: pod end set up');
    if (hasIpv6) {
      forwardIpv6(sockets.sysctls);
      prepareHostEnd(sockets.sysctls, hostInterface);
    } else {
      switchOffIpv6(sockets.sysctls, hostInterface);
    }
    // The kernel would delay answers by proxy ARP by up to 0.8 s.
    sockets.sysctls.write(['net', 'ipv4', 'neigh', hostInterface, 'proxy_delay'], 0);
    const unlimited = shape(sockets, link.value, request.bandwidth ?? {});
    if (unlimited) return await undo(sockets, hostInterface, unlimited);
    const outside = sockets.host.batch([
      ...hostRequests(link.value.index, addresses, request.loopback ?? false),
      activate(hostInterface),
    ]);
    if (!outside.ok) return await undo(sockets, hostInterface, outside.error.message);
    reached('wire: host end set up');
    pod.request(activate(podInterface));
    reached('wire: done');
    return { ok: true, hostMac, podMac, mtu: link.value.mtu, defaultRoutes };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return created ? await undo(sockets, request.hostInterface, message) : failure('kernel', message);
  } finally {
    pod?.close();
    netns.close();
  }
}

/** Opens a pod's namespace, with the reasons of the wiring when it cannot be. */
export function openPodNetns(path: string): { readonly ok: true; readonly netns: Netns } | WiringFailure {
  const opened = openNetns(path);
  if (opened.ok) return opened;
  return failure(opened.reason === 'missing' ? 'netnsMissing' : opened.reason, opened.message);
}

export function failure(reason: WiringFailureReason, message: string): WiringFailure {
  return { ok: false, reason, message };
}

/** The only time inside: a socket that stays there, and the settings that must be there before the interface is. */
function enterPod(netns: Netns, forwarding: boolean, hasIpv6: boolean): RouteSocket {
  return enterNetns(netns, () => {
    // A new namespace has the host's setting, and the host forwards.
    writeSysctl(['net', 'ipv4', 'ip_forward'], forwarding ? 1 : 0);
    if (hasIpv6) openNamespaceToIpv6(forwarding);
    return openRouteSocket();
  });
}

/**
 * The end that comes up before its peer has its queue activated later, from a work queue, and what it sends until then
 * is dropped; for both the state shown lags. Looking a link up completes that now (rtnl_getlink: linkwatch_sync_dev,
 * since Linux 6.8), so its answer does not matter.
 */
const activate = showLink;

function podRequests(index: number, addresses: readonly Address[]): Request[] {
  return [
    // The pod reaches its own address over the loopback interface; not every runtime brings it up.
    setLink(loopbackIndex, { up: true }),
    setLink(index, { up: true }),
    ...addresses.map((address) =>
      addAddress({ interfaceIndex: index, address, prefixLength: hostLengths[address.family] }),
    ),
  ];
}

/** The neighbour entry of the gateway, and two routes, which the pod may have by another interface already: each pod keeps its first. */
function gatewayRequests(index: number, family: Family): readonly [Request, Request, Request] {
  const address = gateways[family];
  const protocol = routeProtocols.pod;
  return [
    replaceNeighbour({ interfaceIndex: index, address, mac: hostMac }),
    // Plugins that come after us add routes by the gateway as well, and do not say that it is on the link.
    addRoute({ prefix: hostPrefix(address), nextHops: [{ interfaceIndex: index }], protocol }),
    addRoute({
      prefix: everything[family],
      nextHops: [{ gateway: address, interfaceIndex: index, onlink: true }],
      protocol,
    }),
  ];
}

/**
 * Of a container's second interface: what has an address of it leaves by it, answers above all, since the host takes from an interface
 * what its addresses send alone. The kernel removes the routes with the interface; a rule without them changes nothing.
 */
function sourceRequests(index: number, addresses: readonly Address[], families: readonly Family[]): Request[] {
  const table = firstSourceTable + index;
  const protocol = routeProtocols.pod;
  return [
    ...families.map((family) =>
      addRoute({
        prefix: everything[family],
        nextHops: [{ gateway: gateways[family], interfaceIndex: index, onlink: true }],
        protocol,
        table,
      }),
    ),
    ...addresses.filter(({ family }) => families.includes(family)).map((source) => addSourceRule({ source, table })),
  ];
}

function hostRequests(index: number, addresses: readonly Address[], routeLocalnet: boolean): Request[] {
  const hasIpv6 = addresses.some(({ family }) => family === 6);
  return [
    // Strict reverse-path filtering keeps the pod from sending under other pods' addresses even before policy does.
    setLink(index, { up: true, ipv4: { forwarding: true, proxyArp: true, reversePathFilter: 1, routeLocalnet } }),
    ...(hasIpv6 ? [addAddress({ interfaceIndex: index, address: gateways[6], prefixLength: 64 })] : []),
    ...addresses.map((address) =>
      addRoute({ prefix: hostPrefix(address), nextHops: [{ interfaceIndex: index }], protocol: routeProtocols.pod }),
    ),
  ];
}

/** Which of the two names is taken the kernel does not say. */
function explainCreation(pod: RouteSocket, request: WireRequest, error: NetlinkError): WiringFailure {
  if (error.code !== 'EEXIST') return failure('kernel', error.message);
  const inPod = pod.findLink(request.podInterface);
  if (inPod.ok && inPod.value) {
    const where = `in network namespace ${request.netnsPath}`;
    return failure('podInterfaceExists', `interface ${request.podInterface} exists ${where} already`);
  }
  return failure('hostInterfaceExists', `interface ${request.hostInterface} exists on the host already`);
}

/** Removes both ends of a pod's interface, and what belongs to it on the host. */
export async function remove({ reaper }: HostSockets, hostInterface: string): Promise<Outcome> {
  const [end, shaper] = await Promise.all([reaper.delete(hostInterface), reaper.delete(shaperName(hostInterface))]);
  return end.ok ? shaper : end;
}

async function undo(sockets: HostSockets, hostInterface: string, message: string): Promise<WiringFailure> {
  const undone = await remove(sockets, hostInterface);
  return failure('kernel', undone.ok ? message : `${message}; and then: ${undone.error.message}`);
}

/** Random, unicast and locally administered (IEEE 802, the second bit of the first byte). */
function randomMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = (bytes[0] & 0xfc) | 0x02;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
