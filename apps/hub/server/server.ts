import {
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { type ConnectRouter, createConnectRouter, createContextValues, type Interceptor } from '@connectrpc/connect';
import { type Caller, callerKey, callerOf, endStreamKey } from './caller.ts';
import { type ListenAddress, type Listener, listen } from './listeners.ts';
import { keepAlive } from './pings.ts';
import { serveStream } from './serve-stream.ts';

export interface ServerOptions {
  readonly listen: readonly ListenAddress[];
  /** PEM texts. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors: Interceptor[];
  readonly adminNames: readonly string[];
  /** Clients may come without a certificate of our authority, and say by a token who they are. */
  readonly tokens: boolean;
  readonly ping: { readonly intervalMs: number; readonly timeoutMs: number };
}

export interface Server {
  /** `host:port` or `unix:/path` of every listener. */
  readonly addresses: readonly string[];
  /** No new connections; the clients of those that are open are told to go (GOAWAY), and after the grace they are cut. */
  close(graceMs: number): Promise<void>;
}

/** Documents of one Apply may be many; a node's full report has at most some hundred pods. */
const largestRequest = 32 * 1024 * 1024;

/** HTTP/2 over TLS 1.3 with certificates on both sides (or a token in place of the client's), on every listener. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const server = createSecureServer({
    ...options.tls,
    requestCert: true,
    rejectUnauthorized: !options.tokens,
    minVersion: 'TLSv1.3',
  });
  const router = createConnectRouter({
    grpc: false,
    grpcWeb: false,
    acceptCompression: [],
    readMaxBytes: largestRequest,
    interceptors: options.interceptors,
  });
  options.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const callers = new WeakMap<object, Caller>();
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const session = sessionOf(stream);
    let caller = session && callers.get(session);
    if (session && !caller) {
      caller = callerOf(session.socket as TLSSocket, options.adminNames); // the server is a TLS server
      callers.set(session, caller);
    }
    const contextValues = createContextValues()
      .set(callerKey, caller ?? { role: 'none' })
      .set(endStreamKey, () => stream.destroy());
    void serveStream(stream, headers, handlers, contextValues, largestRequest);
  });

  const sessions = new Set<ServerHttp2Session>();
  let closing = false;
  let onGone = () => {};
  /** Not by the callback of `close`: of a session that closes already, as when its client said goodbye, it is never called. */
  const allGone = () =>
    new Promise<void>((resolve) => {
      onGone = () => sessions.size === 0 && resolve();
      onGone();
    });
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once('close', () => {
      sessions.delete(session);
      onGone();
    });
    session.on('error', () => {}); // the streams of it have been told
    if (closing) session.destroy(); // its handshake was under way
    keepAlive(session, options.ping.intervalMs, options.ping.timeoutMs);
  });
  server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
  const listeners: Listener[] = [];
  for (const where of options.listen) {
    listeners.push(await listen(where, (socket) => server.emit('connection', socket)));
  }

  return {
    addresses: listeners.map(({ address }) => address),
    close: async (graceMs) => {
      closing = true;
      const stopped = listeners.map((listener) => listener.close());
      for (const session of sessions) session.close();
      await Promise.race([allGone(), sleep(graceMs, undefined, { ref: false })]);
      for (const session of sessions) session.destroy();
      // A session that was told to go waits for its peer's goodbye even when it is destroyed, and a frozen peer says none.
      for (const listener of listeners) listener.cut();
      await Promise.all(stopped);
    },
  };
}

/** Undefined when the connection has gone already. */
function sessionOf(stream: ServerHttp2Stream): ServerHttp2Session | undefined {
  return (stream.session as ServerHttp2Session | undefined) ?? undefined; // a stream of a server belongs to a server's session
}
