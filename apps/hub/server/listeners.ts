import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type ListenAddress = { readonly host: string; readonly port: number } | { readonly socket: string };

export interface Listener {
  /** `host:port` or `unix:/path`, as it came to be (port 0 becomes a number). */
  readonly address: string;
  /** Accepts no more connections; resolves when those that it accepted have ended. */
  close(): Promise<void>;
  /** Ends those that it accepted. */
  cut(): void;
}

/**
 * Accepts connections and hands each to `onConnection`, raw. So one TLS server serves any number of TCP ports and unix sockets,
 * and who is calling is said by the certificate on all of them.
 */
export async function listen(where: ListenAddress, onConnection: (socket: Socket) => void): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  if ('socket' in where) {
    await removeDeadSocket(where.socket);
    await listening(server, { path: where.socket });
    await chmod(where.socket, 0o660);
  } else {
    await listening(server, where);
  }
  const address = 'socket' in where ? `unix:${where.socket}` : textOf(server.address() as AddressInfo); // it listens on TCP
  return {
    address,
    close: () => {
      const closed = once(server, 'close');
      server.close();
      return closed.then(() => {});
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function listening(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  server.listen(where);
  await once(server, 'listening');
}

/** A socket file that nobody listens on is left from a killed process; one that answers belongs to somebody else. */
async function removeDeadSocket(path: string): Promise<void> {
  const probe = connect(path);
  const answer = await new Promise<string>((resolve) => {
    probe.on('connect', () => resolve('alive'));
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
  probe.destroy();
  if (answer === 'alive') throw new Error(`another process listens on ${path}`);
  if (answer === 'ECONNREFUSED') await rm(path, { force: true });
}

function textOf({ address, port, family }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
