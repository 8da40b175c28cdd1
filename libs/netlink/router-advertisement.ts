import * as k from './constants.ts';
import { errnoName, type Outcome } from './errors.ts';
import { layout } from './layout.ts';
import { lastErrno, libc } from './libc.ts';
import type { Link } from './links.ts';
import { parseMac } from './writer.ts';

const allNodes = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/**
 * Sends one Router Advertisement (RFC 4861 section 4.2) to all nodes of a link. It names no prefix and a lifetime of 0: the
 * other end learns that there is a router and its link-local address, and nobody takes it as a default router.
 */
export function advertiseRouter({ index, name, mac }: Pick<Link, 'index' | 'name' | 'mac'>): Outcome {
  const failed = (): Outcome => {
    const errno = lastErrno();
    const code = errnoName(errno);
    return { ok: false, error: { code, errno, message: `advertise a router on ${name}: ${code}` } };
  };
  const fd = libc.socket(k.AF_INET6, k.SOCK_RAW | k.SOCK_CLOEXEC, k.IPPROTO_ICMPV6);
  if (fd < 0) return failed();
  try {
    // Section 6.1.2: receivers drop it with any other hop limit.
    const hops = new Uint8Array(Int32Array.of(255).buffer);
    if (libc.setsockopt(fd, k.IPPROTO_IPV6, k.IPV6_MULTICAST_HOPS, hops, hops.length) < 0) return failed();
    const to = new Uint8Array(layout.sockaddr_in6.size);
    const view = new DataView(to.buffer);
    view.setUint16(layout.sockaddr_in6.sin6_family, k.AF_INET6, true);
    to.set(allNodes, layout.sockaddr_in6.sin6_addr);
    view.setUint32(layout.sockaddr_in6.sin6_scope_id, index, true);
    const message = advertisement(mac);
    return libc.sendto(fd, message, message.length, 0, to, to.length) < 0 ? failed() : { ok: true };
  } finally {
    libc.close(fd);
  }
}

/** The kernel fills in the checksum (RFC 3542 section 3.1). */
function advertisement(mac?: string): Uint8Array {
  const routerAdvertisement = 134;
  const header = [routerAdvertisement, 0, 0, 0, /* hop limit */ 64, /* flags */ 0, /* lifetime */ 0, 0];
  const timers = new Array<number>(8).fill(0);
  // Section 4.6.1: the source link-layer address, so that the neighbour can be used at once.
  return Uint8Array.of(...header, ...timers, ...(mac === undefined ? [] : [1, 1, ...parseMac(mac)]));
}
