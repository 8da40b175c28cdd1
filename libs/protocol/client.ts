// How agents and caracalctl reach a hub: Connect over HTTP/2, TLS 1.3 with certificates on both sides or a token, over TCP or a unix socket.
//
// Over a unix socket the very same TLS runs: who is calling is said by the certificate or token everywhere, never by the path taken.
import type { Http2Session } from 'node:http2';
import { connect } from 'node:tls';
import type { Interceptor, Transport } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';

/**
 * The name (a DNS subject alternative name) that every hub's certificate carries. Hubs come and go with their addresses, so the
 * address is not what a client checks; and a node's certificate, of the same authority, does not carry it: a node is no hub.
 */
export const hubServerName = 'caracal-hub';

export interface HubTransportOptions {
  /** `host:port`, `[IPv6]:port` (with or without `https://`), or `unix:/path`. Exactly one of `address` and `socket`. */
  readonly address?: string;
  /** Path of a unix socket. */
  readonly socket?: string;
  /** PEM: the authority that signed the hub's certificate. */
  readonly ca: string | Buffer;
  /** PEM: our own certificate and key, unless a token says who we are. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Gives the service-account token of a node; asked at each call, as tokens rotate. What it throws is the call's error. */
  readonly token?: () => string;
  readonly serverName?: string;
  /** A hub that answers no ping is given up after interval + timeout, with every stream that is open (default 2 s + 3 s). */
  readonly pingIntervalMs?: number;
  readonly pingTimeoutMs?: number;
}

/** A Connect transport that holds one connection, opened at the first call and again after it was lost. */
export type HubTransport = Transport & {
  /** Closes the connection with its streams; without it an idle connection keeps the process alive. */
  close(): void;
};

/** Nothing is connected yet: errors (refused, no such socket, wrong certificate) come with the first call. */
export function createHubTransport(options: HubTransportOptions): HubTransport {
  const { address, socket, ca, cert, key } = options;
  const servername = options.serverName ?? hubServerName;
  const target = socket ? { path: socket } : readAddress(address ?? '');
  const tls = { ca, cert, key, servername, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' as const };
  const baseUrl = `https://${servername}`;
  const sessionManager = new Http2SessionManager(
    baseUrl,
    { pingIntervalMs: options.pingIntervalMs ?? 2000, pingTimeoutMs: options.pingTimeoutMs ?? 3000 },
    { createConnection: () => connect({ ...target, ...tls }) },
  );
  const interceptors = options.token ? [withToken(options.token)] : [];
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: '2',
    acceptCompression: [],
    interceptors,
    sessionManager: withoutUnheardErrors(sessionManager),
  });
  return { ...transport, close: () => sessionManager.abort() };
}

/**
 * Between the moment in which the manager gives up a session (the hub answers no ping) and the session's `error` event it takes a call for a
 * reason to connect anew, and listens to the former session no more: a call that was tried again at once ended the whole process. Its
 * callers have had the error from their streams.
 */
function withoutUnheardErrors(
  manager: Http2SessionManager,
): Pick<Http2SessionManager, 'authority' | 'request' | 'notifyResponseByteRead'> {
  const heard = new WeakSet<Http2Session>();
  return {
    authority: manager.authority,
    async request(...call) {
      const stream = await manager.request(...call);
      const { session } = stream;
      if (session && !heard.has(session)) {
        heard.add(session);
        session.on('error', () => {});
      }
      return stream;
    },
    notifyResponseByteRead: (stream) => manager.notifyResponseByteRead(stream),
  };
}

function withToken(token: () => string): Interceptor {
  return (next) => (request) => {
    request.header.set('authorization', `Bearer ${token()}`);
    return next(request);
  };
}

function readAddress(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const match = /^(?:https:\/\/)?(?:\[(?<ipv6>[^\]]+)\]|(?<host>[^:[\]]+)):(?<port>\d+)\/?$/.exec(address);
  const host = match?.groups?.ipv6 ?? match?.groups?.host;
  if (!host) throw new Error(`hub address "${address}": expected host:port, [IPv6]:port or unix:/path`);
  return { host, port: Number(match?.groups?.port) };
}
