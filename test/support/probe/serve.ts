import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** The ports that a pod answers on: both protocols give back what they get. */
export interface ServeOptions {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

/** Listens on all addresses; resolves when every port is bound. */
export async function serve({ tcp, udp }: ServeOptions): Promise<void> {
  const servers = tcp.map(async (port) => {
    const server = createServer({ noDelay: true }, (socket) => {
      // A client that resets its connection is not this server's failure.
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    await once(server.listen(port, '0.0.0.0'), 'listening');
  });
  const sockets = udp.map(async (port) => {
    const socket = createSocket('udp4');
    socket.on('message', (message, from) => socket.send(message, from.port, from.address));
    socket.on('error', () => {});
    socket.bind(port, '0.0.0.0');
    await once(socket, 'listening');
  });
  await Promise.all([...servers, ...sockets]);
}
