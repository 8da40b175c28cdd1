import {
  AF_INET,
  AF_INET6,
  BPF_ABS,
  BPF_B,
  BPF_JEQ,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_RET,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SKF_NET_OFF,
  SO_ATTACH_FILTER,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_SOCKET,
} from './constants.ts';
import { errnoName } from './errors.ts';
import { layout } from './layout.ts';
import { lastErrno, libc } from './libc.ts';

/** Where the TTL lies in an IPv4 header, and the hop limit in an IPv6 one. */
const ttlOffset = { 4: 8, 6: 7 } as const;

/**
 * The descriptor of a UDP socket on a port of all local addresses, which gets only datagrams that come with this TTL (or
 * hop limit): RFC 5082 for UDP, where the kernel has no IP_MINTTL. The filter is there before the first datagram. Throws
 * when it cannot be had; `node:dgram` takes it with `bind({ fd })`, and closes it.
 */
export function openUdpSocket(family: 4 | 6, port: number, ttl: number): number {
  const fd = libc.socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const check = (result: number, what: string) => {
    if (result >= 0) return;
    const error = errnoName(lastErrno());
    if (fd >= 0) libc.close(fd);
    throw new Error(`cannot ${what}: ${error}`);
  };
  check(fd, 'open a UDP socket');
  const one = new Uint8Array(Int32Array.of(1).buffer);
  if (family === 6) check(libc.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, one, one.length), 'keep IPv4 out');
  const program = { len: 4, filter: ttlFilter(family, ttl) };
  check(libc.setFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, libc.filterProgramSize), 'filter by TTL');
  const { size, sin_family, sin_port } = family === 4 ? layout.sockaddr_in : { ...layout.sockaddr_in6, ...layoutOf6 };
  const address = new DataView(new ArrayBuffer(size));
  address.setUint16(sin_family, family === 4 ? AF_INET : AF_INET6, true);
  address.setUint16(sin_port, port);
  check(libc.bind(fd, new Uint8Array(address.buffer), size), `listen on UDP port ${port}`);
  return fd;
}

const layoutOf6 = { sin_family: layout.sockaddr_in6.sin6_family, sin_port: layout.sockaddr_in6.sin6_port };

/** A classic BPF program: the octet of the network header is loaded and compared; the datagram is taken whole or not at all. */
function ttlFilter(family: 4 | 6, ttl: number): Uint8Array {
  const instructions = [
    [BPF_LD | BPF_B | BPF_ABS, 0, 0, SKF_NET_OFF + ttlOffset[family]],
    [BPF_JMP | BPF_JEQ | BPF_K, 0, 1, ttl],
    [BPF_RET | BPF_K, 0, 0, 0xffffffff],
    [BPF_RET | BPF_K, 0, 0, 0],
  ];
  const { size, code, jt, jf, k } = layout.sock_filter;
  const view = new DataView(new ArrayBuffer(size * instructions.length));
  for (const [i, [operation, ifTrue, ifFalse, value]] of instructions.entries()) {
    view.setUint16(i * size + code, operation, true);
    view.setUint8(i * size + jt, ifTrue);
    view.setUint8(i * size + jf, ifFalse);
    view.setUint32(i * size + k, value, true);
  }
  return new Uint8Array(view.buffer);
}
