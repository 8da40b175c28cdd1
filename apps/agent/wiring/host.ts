import { formatPrefix, type Prefix, parsePrefix } from '@caracal/net';
import { deleteRoute, type RouteSocket, replaceRoute, routeProtocols, writeSysctl } from '@caracal/netlink';
import type { WiringOutcome } from './types.ts';
import { failure } from './wire.ts';

/** Settings of the host as a whole that pods need: it must forward IPv4. */
export function prepareHost(): WiringOutcome {
  try {
    writeSysctl(['net', 'ipv4', 'ip_forward'], 1);
    return { ok: true };
  } catch (error) {
    return failure('kernel', `cannot switch on IPv4 forwarding: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * Makes the blackhole routes of our protocol exactly those of the given blocks. A block's route answers for addresses
 * that no pod has, so that packets to them do not follow the default route back to the router. That of a block of one address stands
 * behind its pod's own route.
 */
export function setBlocks(host: RouteSocket, blocks: readonly string[]): WiringOutcome {
  const wanted = new Map<string, Prefix>();
  for (const text of blocks) {
    const prefix = parsePrefix(text);
    if (!prefix) return failure('invalid', `block "${text}" is no prefix like 10.65.0.0/26`);
    wanted.set(formatPrefix(prefix), prefix);
  }
  const present = host.listRoutes({ family: 4, protocol: routeProtocols.pod });
  if (!present.ok) return failure('kernel', present.error.message);
  const blackholes = present.value.filter((route) => route.type === 'blackhole').map((route) => route.prefix);
  const extra = blackholes.filter((prefix) => !wanted.has(formatPrefix(prefix)));
  for (const prefix of blackholes) wanted.delete(formatPrefix(prefix));
  const [failed] = host.batchAll([
    ...[...wanted.values()].map((prefix) =>
      replaceRoute({ prefix, type: 'blackhole', nextHops: [], protocol: routeProtocols.pod, ...behindPod(prefix) }),
    ),
    ...extra.map((prefix) =>
      deleteRoute({ prefix, type: 'blackhole', protocol: routeProtocols.pod, ...behindPod(prefix) }),
    ),
  ]);
  return failed ? failure('kernel', failed.error.message) : { ok: true };
}

function behindPod({ length }: Prefix): { metric?: number } {
  return length === 32 ? { metric: 1_000_000 } : {};
}
