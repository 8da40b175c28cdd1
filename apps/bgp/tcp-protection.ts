import { readFileSync } from 'node:fs';
import { type Server, Socket } from 'node:net';
import type { PeerConfig } from '@caracal/bgp-speaker';
import { type Address, formatAddress, formatPrefix, parseAddress, parsePrefix, prefixContains } from '@caracal/net';
import { openTcpSocket, setTcpPassword, setTtl } from '@caracal/netlink';

const largestTtl = 255;

/** How the connections with one peer are protected. */
export interface Protection {
  readonly address: Address;
  /** Of peers by prefix: how many bits of the address are theirs. */
  readonly length?: number;
  /** The password, or why there is none although there should be: then there is no connection. */
  readonly password?: { readonly text: string } | { readonly error: string };
  /** A packet from the peer that comes with a lower TTL is dropped. */
  readonly leastTtl?: number;
}

/** By the peer's address or prefix in canonical form; peers without any protection are left out. */
export type Protections = ReadonlyMap<string, Protection>;

export function protectionsOf(peers: readonly PeerConfig[]): Protections {
  const protections = new Map<string, Protection>();
  for (const { peerAddress, peerPrefix, passwordFile, ttlSecurityHops } of peers) {
    const prefix = peerPrefix === undefined ? undefined : parsePrefix(peerPrefix);
    const address = peerAddress === undefined ? prefix?.address : parseAddress(peerAddress);
    if (!address || (passwordFile === undefined && ttlSecurityHops === undefined)) continue;
    protections.set(prefix ? formatPrefix(prefix) : formatAddress(address), {
      address,
      ...(prefix && { length: prefix.length }),
      password: passwordFile === undefined ? undefined : readPassword(passwordFile),
      leastTtl: ttlSecurityHops === undefined ? undefined : largestTtl + 1 - ttlSecurityHops,
    });
  }
  return protections;
}

/** How connections with an address are protected: as the peer that has it, or as those of the longest prefix around it. */
export function protectionOf(protections: Protections, text: string): Protection | undefined {
  const address = parseAddress(text);
  if (!address) return undefined;
  const own = protections.get(formatAddress(address));
  if (own) return own;
  let found: Protection | undefined;
  for (const one of protections.values()) {
    if (one.length === undefined || one.address.family !== address.family) continue;
    const longer = found?.length === undefined || one.length > found.length;
    if (longer && prefixContains({ address: one.address, length: one.length }, address)) found = one;
  }
  return found;
}

/** The first line of the file. */
function readPassword(file: string): NonNullable<Protection['password']> {
  try {
    const [text] = readFileSync(file, 'utf8').split('\n');
    return text === '' ? { error: `the password file ${file} is empty` } : { text };
  } catch (error) {
    return { error: `cannot read the password file: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** A socket for connecting to the peer, protected from its first packet on. Throws when that cannot be. */
export function protectedSocket({ address, password, leastTtl }: Protection): Socket {
  if (password && 'error' in password) throw new Error(password.error);
  const fd = openTcpSocket(address.family);
  const socket = new Socket({ fd, readable: true, writable: true });
  try {
    if (password) setTcpPassword(fd, address, password.text);
    if (leastTtl !== undefined) setTtl(fd, address.family, largestTtl, leastTtl);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Whether an accepted connection may go on; from then on it is protected as one that we start. */
export function protectAccepted(socket: Socket, { address, password, leastTtl }: Protection): boolean {
  if (password && 'error' in password) return false;
  const fd = descriptorOf(socket);
  if (leastTtl === undefined) return true;
  if (fd !== undefined) setTtl(fd, address.family, largestTtl, leastTtl);
  return fd !== undefined;
}

/** Gives a listening socket the passwords of the peers, in place of those of `before`. */
export function protectListener(server: Server, family: 4 | 6, protections: Protections, before: Protections): void {
  const fd = descriptorOf(server);
  if (fd === undefined) return;
  const passwordOf = (one: Protection | undefined) =>
    one?.password && 'text' in one.password ? one.password.text : '';
  for (const [key, one] of new Map([...before, ...protections])) {
    const [now, then] = [passwordOf(protections.get(key)), passwordOf(before.get(key))];
    if (one.address.family === family && now !== then) setTcpPassword(fd, one.address, now, one.length);
  }
  // The answer to a SYN already has to come with the TTL that the peer asks for.
  if ([...protections.values()].some(({ leastTtl }) => leastTtl !== undefined)) setTtl(fd, family, largestTtl);
}

/** The descriptor of a socket; Node.js has no public way to it. */
function descriptorOf(socket: Socket | Server): number | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
