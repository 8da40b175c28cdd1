import { formatPrefix, type Prefix, parsePrefix } from '@caracal/net';
import {
  deleteLink,
  deleteRoute,
  type Route,
  type RouteSocket,
  replaceRoute,
  routeProtocols,
  writeSysctl,
} from '@caracal/netlink';
import { shapedInterface } from './shape.ts';
import type { WiringOutcome } from './types.ts';
import { failure } from './wire.ts';

/** Settings of the host as a whole that pods need: it must forward IPv4. What limited pods whose namespaces are gone goes as well. */
export function prepareHost(host: RouteSocket): WiringOutcome {
  try {
    writeSysctl(['net', 'ipv4', 'ip_forward'], 1);
  } catch (error) {
    return failure('kernel', `cannot switch on IPv4 forwarding: ${error instanceof Error ? error.message : error}`);
  }
  const links = host.listLinks();
  if (!links.ok) return failure('kernel', links.error.message);
  const names = new Set(links.value.map(({ name }) => name));
  const left = links.value.filter(({ name, kind }) => {
    const shaped = kind === 'ifb' ? shapedInterface(name) : undefined;
    return shaped !== undefined && !names.has(shaped);
  });
  const [failed] = host.batchAll(left.map(({ name }) => deleteLink(name)));
  return failed ? failure('kernel', failed.error.message) : { ok: true };
}

/** Behind every route to the same destination: that of a pod, or of a bridge that has the block as its subnet. */
const blackholeMetric = 1_000_000;

/**
 * Makes the blackhole routes of our protocol exactly those of the given blocks. A block's route answers for addresses
 * that no pod has, so that packets to them do not follow the default route back to the router.
 */
export function setBlocks(host: RouteSocket, blocks: readonly string[]): WiringOutcome {
  const wanted = new Map<string, Prefix>();
  for (const text of blocks) {
    const prefix = parsePrefix(text);
    if (!prefix) return failure('invalid', `block "${text}" is no prefix like 10.65.0.0/26`);
    wanted.set(formatPrefix(prefix), prefix);
  }
  const blackholes: Route[] = [];
  for (const family of [4, 6] as const) {
    const present = host.listRoutes({ family, protocol: routeProtocols.pod });
    if (!present.ok) return failure('kernel', present.error.message);
    blackholes.push(...present.value.filter((route) => route.type === 'blackhole'));
  }
  const right = (route: Route) => route.metric === blackholeMetric && wanted.has(formatPrefix(route.prefix));
  const extra = blackholes.filter((route) => !right(route));
  const there = new Set(blackholes.filter(right).map(({ prefix }) => formatPrefix(prefix)));
  const type = 'blackhole';
  const protocol = routeProtocols.pod;
  const [failed] = host.batchAll([
    ...[...wanted.values()]
      .filter((prefix) => !there.has(formatPrefix(prefix)))
      .map((prefix) => replaceRoute({ prefix, type, nextHops: [], protocol, metric: blackholeMetric })),
    ...extra.map(({ prefix, metric }) => deleteRoute({ prefix, type, protocol, metric: metric ?? 0 })),
  ]);
  return failed ? failure('kernel', failed.error.message) : { ok: true };
}
