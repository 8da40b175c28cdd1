import type { Address } from '@caracal/net';
import {
  AF_INET,
  AF_INET6,
  IP_MINTTL,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_MINHOPCOUNT,
  IPV6_UNICAST_HOPS,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  TCP_MD5SIG,
  TCP_MD5SIG_EXT,
  TCP_MD5SIG_FLAG_PREFIX,
} from './constants.ts';
import { errnoName } from './errors.ts';
import { layout } from './layout.ts';
import { lastErrno, libc } from './libc.ts';

/** The longest password of a TCP connection, in octets (linux/tcp.h, TCP_MD5SIG_MAXKEYLEN). */
const longestKey = 80;

/** A TCP socket that is not connected yet, for options that the first packet needs; throws when there is none to be had. */
export function openTcpSocket(family: 4 | 6): number {
  const fd = libc.socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new Error(`cannot open a TCP socket: ${errnoName(lastErrno())}`);
  return fd;
}

/**
 * Signs what goes to the address and drops what comes from it without the password's signature (RFC 2385); for a listening
 * socket, too, before any connection. An empty password takes that back. With a `length` it is for all addresses that have
 * so many bits in common with it; a password for a longer prefix goes before that.
 */
export function setTcpPassword(fd: number, peer: Address, password: string, length?: number): void {
  const key = new TextEncoder().encode(password);
  if (key.length > longestKey)
    throw new Error(`the password has ${key.length} octets, at most ${longestKey} are possible`);
  const value = new Uint8Array(layout.tcp_md5sig.size);
  const view = new DataView(value.buffer);
  const at = layout.tcp_md5sig.tcpm_addr;
  view.setUint16(at, peer.family === 4 ? AF_INET : AF_INET6, true);
  value.set(peer.bytes, at + (peer.family === 4 ? layout.sockaddr_in.sin_addr : layout.sockaddr_in6.sin6_addr));
  view.setUint16(layout.tcp_md5sig.tcpm_keylen, key.length, true);
  value.set(key, layout.tcp_md5sig.tcpm_key);
  if (length !== undefined) {
    value[layout.tcp_md5sig.tcpm_flags] = TCP_MD5SIG_FLAG_PREFIX;
    value[layout.tcp_md5sig.tcpm_prefixlen] = length;
  }
  set(fd, IPPROTO_TCP, length === undefined ? TCP_MD5SIG : TCP_MD5SIG_EXT, value, 'the password of a TCP connection');
}

/** What is sent has this TTL; what comes with a lower one than `least` is dropped (RFC 5082). */
export function setTtl(fd: number, family: 4 | 6, ttl: number, least?: number): void {
  const [level, sent, received] =
    family === 4 ? [IPPROTO_IP, IP_TTL, IP_MINTTL] : [IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6_MINHOPCOUNT];
  set(fd, level, sent, int(ttl), 'the TTL');
  if (least !== undefined) set(fd, level, received, int(least), 'the least TTL');
}

function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

function set(fd: number, level: number, name: number, value: Uint8Array, what: string): void {
  if (libc.setsockopt(fd, level, name, value, value.length) < 0) {
    throw new Error(`cannot set ${what}: ${errnoName(lastErrno())}`);
  }
}
