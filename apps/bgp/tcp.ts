import { createServer, type Server, Socket } from 'node:net';
import type { Connection, ConnectionListener, Transport } from '@caracal/bgp-speaker';
import { familyOf } from '@caracal/net';
import {
  type Protection,
  type Protections,
  protectAccepted,
  protectedSocket,
  protectionOf,
  protectListener,
} from './tcp-protection.ts';

/** How long a closed connection may take to deliver its last bytes (a NOTIFICATION, most often). */
const lingerMs = 1000;

/** TCP for a speaker: connections out, listeners in. */
export interface Tcp extends Transport {
  /** How connections with the peers are protected from now on; those that stand stay as they are. */
  protect(protections: Protections): void;
  /** Listens on these addresses instead of the ones before; what cannot be bound is tried again. */
  listen(addresses: readonly string[], port: number): void;
  /** Stops listening, and resolves when what was closed is gone. */
  close(): Promise<void>;
}

type Log = (message: string, fields: Readonly<Record<string, unknown>>) => void;

export function createTcp(accept: (connection: Connection) => void, log: Log): Tcp {
  const open = new Set<Socket>();
  let listening = '';
  let listeners: Listener[] = [];
  let protections: Protections = new Map();

  const wrap = (socket: Socket, outgoing: boolean): Connection => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    return wrapSocket(socket, outgoing);
  };
  const stopListening = () => {
    for (const listener of listeners) listener.stop();
    listeners = [];
  };

  return {
    connect: ({ address, port, localAddress }) => {
      const socket = outgoingSocket(protectionOf(protections, address));
      const connection = wrap(socket, true);
      if (!socket.destroyed) socket.connect({ host: address, port, localAddress });
      return connection;
    },
    protect: (next) => {
      protections = next;
      for (const listener of listeners) listener.protect(next);
    },
    listen: (addresses, port) => {
      const key = JSON.stringify([addresses, port]);
      if (key === listening) return;
      listening = key;
      stopListening();
      const take = (socket: Socket) => {
        const protection = protectionOf(protections, withoutMapping(socket.remoteAddress ?? ''));
        if (!protection || protectAccepted(socket, protection)) accept(wrap(socket, false));
        else socket.destroy();
      };
      listeners = addresses.map((address) => listenOn(address, port, protections, take, log));
    },
    close: async () => {
      stopListening();
      const closed = [...open].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())));
      await Promise.all(closed);
    },
  };
}

/** A socket with the protection; one that fails at once when that is not to be had. */
function outgoingSocket(protection: Protection | undefined): Socket {
  try {
    const socket = protection ? protectedSocket(protection) : new Socket();
    return socket.setNoDelay(true);
  } catch (error) {
    return new Socket().destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

interface Listener {
  protect(protections: Protections): void;
  stop(): void;
}

/** A listening socket that is tried again while its address is not there or taken. */
function listenOn(
  address: string,
  port: number,
  wanted: Protections,
  accept: (socket: Socket) => void,
  log: Log,
): Listener {
  const family = familyOf(address);
  /** What the kernel knows of the socket that listens. */
  let applied: Protections = new Map();
  let stopped = false;
  let server: Server | undefined;
  let timer: NodeJS.Timeout | undefined;
  let complained = '';
  const start = () => {
    const attempt = createServer({ noDelay: true }, accept);
    server = attempt;
    attempt.on('error', (error) => {
      if (error.message !== complained) log('cannot listen', { address, port, error: error.message });
      complained = error.message;
      startAgain();
    });
    applied = new Map();
    attempt.once('listening', () => protect(wanted));
    attempt.listen({ host: address, port, ipv6Only: family === 6 });
  };
  /** An address that is not there yet, or a port that is taken, may be otherwise a second later. */
  const startAgain = () => {
    if (!stopped) timer = setTimeout(start, 1000);
  };
  const protect = (next: Protections) => {
    wanted = next;
    if (!server?.listening) return;
    try {
      protectListener(server, family, next, applied);
      applied = next;
    } catch (error) {
      log('cannot protect the listening socket', { address, port, error: String(error) });
      server.close();
      startAgain();
    }
  };
  start();
  return {
    protect,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      server?.close();
    },
  };
}

function wrapSocket(socket: Socket, outgoing: boolean): Connection {
  let listener: ConnectionListener | undefined;
  let reason = 'connection closed by the peer';
  let closed = false;
  socket.on('connect', () => listener?.onOpen());
  // No encoding is set, so the chunks are bytes.
  socket.on('data', (chunk) => listener?.onData(chunk as Uint8Array));
  socket.on('drain', () => listener?.onDrain());
  socket.on('error', (error: NodeJS.ErrnoException) => {
    reason = describe(error);
  });
  socket.on('end', () => finish());
  socket.on('close', () => finish());
  // An accepted connection's addresses are lost once the peer has closed it.
  const remoteAddress = withoutMapping(socket.remoteAddress ?? '');

  const finish = () => {
    if (closed) return;
    closed = true;
    socket.destroy();
    listener?.onClose(reason);
  };

  return {
    outgoing,
    get localAddress() {
      return withoutMapping(socket.localAddress ?? '');
    },
    remoteAddress,
    get unsent() {
      return socket.writableLength;
    },
    listen: (next) => {
      listener = next;
    },
    write: (bytes) => closed || socket.write(bytes),
    close: () => {
      listener = undefined;
      closed = true;
      if (socket.connecting || socket.destroyed) {
        socket.destroy();
        return;
      }
      // Unread input would turn the close into a reset, which can overtake our last message.
      socket.resume();
      socket.end();
      setTimeout(() => socket.destroy(), lingerMs).unref();
    },
  };
}

function describe(error: NodeJS.ErrnoException): string {
  const texts: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection reset by the peer',
    EHOSTUNREACH: 'no route to the peer',
    ENETUNREACH: 'no route to the peer',
    ETIMEDOUT: 'connection timed out',
    EPIPE: 'connection closed by the peer',
    EADDRNOTAVAIL: 'the local address is not there',
  };
  return texts[error.code ?? ''] ?? error.message;
}

/** The IPv4 address of an IPv4-mapped one. */
function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
