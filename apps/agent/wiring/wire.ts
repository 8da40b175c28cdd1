import { randomBytes } from 'node:crypto';
import { type Address, hostPrefix, parseAddress, parsePrefix } from '@caracal/net';
import {
  addAddress,
  addRoute,
  type BatchFailure,
  enterNetns,
  type LinkReaper,
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
  writeSysctl,
} from '@caracal/netlink';
import { reached } from '../steps.ts';
import { gatewayAddress, hostMac } from './link-local.ts';
import { shape, shaperName } from './shape.ts';
import type { Wired, WireRequest, WiringFailure, WiringFailureReason } from './types.ts';

/** The worker's means: the sockets that it keeps open in the host's namespace. */
export interface HostSockets {
  readonly host: RouteSocket;
  readonly reaper: LinkReaper;
}

const defaultPrefix = parsePrefix('0.0.0.0/0')!;
const gateway = parseAddress(gatewayAddress)!;
/** The loopback interface has this index in every namespace (net/core/dev.c). */
const loopbackIndex = 1;

/**
 * Makes the pod's interface: a veth pair with one end in the pod's namespace, the address as /32, a default route by
 * the link-local gateway; on the host a route to the address. IPv6 is switched off in the pod. On failure the pair is
 * deleted again, and with it all the rest.
 */
export async function wire(sockets: HostSockets, request: WireRequest): Promise<Wired | WiringFailure> {
  const addresses = request.addresses.map((text) => parseAddress(text));
  if (!addresses.every((address): address is Address => address?.family === 4) || addresses.length === 0) {
    return failure('invalid', `addresses of a pod: "${request.addresses.join(', ')}" is no list of IPv4 addresses`);
  }
  reached('wire: asked');
  const opened = openPodNetns(request.netnsPath);
  if (!opened.ok) return opened;
  const netns = opened.netns;
  let pod: RouteSocket | undefined;
  let created = false;
  try {
    pod = enterPod(netns, request.forwarding);
    reached('wire: inside');
    const podMac = request.mac ?? randomMac();
    const { hostInterface, podInterface, mtu } = request;
    const link = sockets.host.createVeth({
      name: hostInterface,
      mac: hostMac,
      mtu,
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
    const requests = podRequests(podIndex, addresses);
    const failures = pod.batchAll(requests);
    const [inside] = failures.filter((failed) => !isOfAnotherInterface(failed, requests));
    const defaultRoute = !failures.some(({ index }) => index === requests.length - 1);
    if (inside) return await undo(sockets, hostInterface, inside.error.message);
    reached('wire: pod end set up');
    // The host's end needs no IPv6 address of its own: it would answer the pod on its link-local one.
    switchOffIpv6(hostInterface);
    // The kernel would delay answers by proxy ARP by up to 0.8 s.
    writeSysctl(['net', 'ipv4', 'neigh', hostInterface, 'proxy_delay'], 0);
    const outside = sockets.host.batch(hostRequests(link.value.index, addresses, request.loopback ?? false));
    if (!outside.ok) return await undo(sockets, hostInterface, outside.error.message);
    const unlimited = shape(sockets.host, link.value, request.bandwidth ?? {});
    if (unlimited) return await undo(sockets, hostInterface, unlimited);
    reached('wire: host end set up');
    activate(pod, podInterface);
    activate(sockets.host, hostInterface);
    reached('wire: done');
    return { ok: true, hostMac, podMac, gateway: gatewayAddress, mtu: link.value.mtu, defaultRoute };
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

/** The only time inside: a socket that stays there, and IPv6 off before the interface exists. */
function enterPod(netns: Netns, forwarding: boolean): RouteSocket {
  return enterNetns(netns, () => {
    // A new namespace has the host's setting, and the host forwards.
    writeSysctl(['net', 'ipv4', 'ip_forward'], forwarding ? 1 : 0);
    switchOffIpv6('default');
    switchOffIpv6('all');
    return openRouteSocket();
  });
}

/**
 * The end that comes up before its peer has its queue activated later, from a work queue, and what it sends until then
 * is dropped; for both the state shown lags. Looking a link up completes that now (rtnl_getlink: linkwatch_sync_dev,
 * since Linux 6.8), so its answer does not matter.
 */
function activate(socket: RouteSocket, name: string): void {
  socket.findLink(name);
}

/** For an interface, or for `default` and `all`. A kernel without IPv6 does not have the setting. */
function switchOffIpv6(scope: string): void {
  try {
    writeSysctl(['net', 'ipv6', 'conf', scope, 'disable_ipv6'], 1);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

/** The routes, which come last, when another interface of the pod has them: each pod keeps its first. */
function isOfAnotherInterface({ index, error }: BatchFailure, requests: readonly Request[]): boolean {
  return index >= requests.length - 2 && error.code === 'EEXIST';
}

function podRequests(index: number, addresses: readonly Address[]): Request[] {
  return [
    // The pod reaches its own address over the loopback interface; not every runtime brings it up.
    setLink(loopbackIndex, { up: true }),
    setLink(index, { up: true }),
    ...addresses.map((address) => addAddress({ interfaceIndex: index, address, prefixLength: 32 })),
    replaceNeighbour({ interfaceIndex: index, address: gateway, mac: hostMac }),
    // Plugins that come after us add routes by the gateway as well, and do not say that it is on the link.
    addRoute({ prefix: hostPrefix(gateway), nextHops: [{ interfaceIndex: index }], protocol: routeProtocols.pod }),
    addRoute({
      prefix: defaultPrefix,
      nextHops: [{ gateway, interfaceIndex: index, onlink: true }],
      protocol: routeProtocols.pod,
    }),
  ];
}

function hostRequests(index: number, addresses: readonly Address[], routeLocalnet: boolean): Request[] {
  return [
    // Strict reverse-path filtering keeps the pod from sending under other pods' addresses even before policy does.
    setLink(index, { up: true, ipv4: { forwarding: true, proxyArp: true, reversePathFilter: 1, routeLocalnet } }),
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
