import {
  type NamespaceSysctls,
  type RouteSocket,
  redirectIncoming,
  setLink,
  setTokenBucket,
  type TokenBucket,
} from '@caracal/netlink';
import { hostInterfacePrefix } from './interface-name.ts';
import { switchOffIpv6 } from './ipv6.ts';
import type { Bandwidth, RateLimit } from './types.ts';

/**
 * A pod's bandwidth. What it is sent leaves the host's end by a token bucket; what it sends takes a detour by an ifb of its own that has
 * one, because only what leaves an interface can be made to wait.
 */

const shaperPrefix = 'cifb';

/** The ifb of a host interface. Not `cara…`: it is nobody's interface for policy. */
export function shaperName(hostInterface: string): string {
  return shaperPrefix + hostInterface.slice(hostInterfacePrefix.length);
}

/** The host interface that an ifb of ours belongs to. */
export function shapedInterface(name: string): string | undefined {
  return name.startsWith(shaperPrefix) ? hostInterfacePrefix + name.slice(shaperPrefix.length) : undefined;
}

/** Runtimes that only know a rate pass the largest number that they have, of which nothing would ever be limited. */
const noBurst = 2 ** 31 - 1;
const leastBurstBytes = 32 * 1024;
/** As the `bandwidth` plugin has it: longer waits would only fill the queue. */
const latencySeconds = 0.025;

function tokenBucket({ bitsPerSecond, burstBits }: RateLimit): TokenBucket {
  const bytesPerSecond = Math.max(1, Math.floor(bitsPerSecond / 8));
  const own = Math.max(leastBurstBytes, Math.ceil(bytesPerSecond / 100));
  const burstBytes = burstBits && burstBits < noBurst ? Math.max(1, Math.floor(burstBits / 8)) : own;
  return { bytesPerSecond, burstBytes, queueBytes: Math.ceil(bytesPerSecond * latencySeconds) + burstBytes };
}

/**
 * Limits the pod behind a new host interface, which is not up yet: the message of what failed. An interface that is up would be stopped to get
 * its token bucket, with a grace period of RCU to wait for (qdisc_graft, dev_deactivate).
 */
export function shape(
  { host, sysctls }: { readonly host: RouteSocket; readonly sysctls: NamespaceSysctls },
  { name, index }: { readonly name: string; readonly index: number },
  { ingress, egress }: Bandwidth,
): string | undefined {
  if (ingress) {
    const outcome = host.request(setTokenBucket(index, tokenBucket(ingress)));
    if (!outcome.ok) return outcome.error.message;
  }
  if (!egress) return undefined;
  const shaper = host.createIfb(shaperName(name));
  if (!shaper.ok) return shaper.error.message;
  // An interface for packets of others needs no address.
  switchOffIpv6(sysctls, shaper.value.name);
  const outcome = host.batch([
    setTokenBucket(shaper.value.index, tokenBucket(egress)),
    setLink(shaper.value.index, { up: true }),
    ...redirectIncoming(index, shaper.value.index),
  ]);
  return outcome.ok ? undefined : outcome.error.message;
}

/** What of a pod's bandwidth is not as `shape` makes it. */
export function inspectShape(host: RouteSocket, name: string, { ingress, egress }: Bandwidth): string[] {
  const qdiscs = host.listQdiscs();
  if (!qdiscs.ok) return [qdiscs.error.message];
  const isLimited = (on: string, limit: RateLimit) => {
    const link = host.findLink(on);
    const { bytesPerSecond } = tokenBucket(limit);
    return qdiscs.value.some(
      (each) =>
        link.ok &&
        each.interfaceIndex === link.value?.index &&
        each.kind === 'tbf' &&
        each.bytesPerSecond === bytesPerSecond,
    );
  };
  const problems: string[] = [];
  if (ingress && !isLimited(name, ingress)) problems.push(`what the pod is sent by ${name} is not limited`);
  const link = host.findLink(name);
  const redirected = qdiscs.value.some(
    ({ interfaceIndex, kind }) => kind === 'ingress' && link.ok && interfaceIndex === link.value?.index,
  );
  if (egress && !(redirected && isLimited(shaperName(name), egress))) {
    problems.push(`what the pod sends by ${name} is not limited`);
  }
  return problems;
}
