/** Requests to the API server over node:https; the address and the credentials are given. */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { createInterface } from 'node:readline';

/** The API server answered with an error. */
export class KubeError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'KubeError';
    this.code = code;
  }
}

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** Where the API server is, and who asks. */
export interface KubeServer {
  /** Asked before each request, as tokens rotate: the server's URL, and what TLS and headers need. */
  connection(): Connection | Promise<Connection>;
  /** No answer came from the server at this URL. */
  unreachable?(url: string): void;
}

interface Connection {
  readonly url: string;
  readonly options: RequestOptions;
}

export interface KubeApi {
  /** @throws KubeError when the server refuses, what node:https throws when there is none */
  request(request: KubeRequest): Promise<unknown>;
  /** Lines of a watch as they come; ends when the server ends it. */
  watch(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): AsyncIterable<unknown>;
}

const requestTimeoutMs = 30_000;
/** Bookmarks come every minute; a watch that is silent for longer is dead. */
const watchSilenceMs = 150_000;

export function kubeApi(server: KubeServer, userAgent: string): KubeApi {
  const send = async (request: KubeRequest, silenceMs: number): Promise<IncomingMessage> => {
    const { url: base, options } = await server.connection();
    const url = new URL(base.replace(/\/$/, '') + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const payload = request.body === undefined ? undefined : JSON.stringify(request.body);
    const headers = {
      ...options.headers,
      accept: 'application/json',
      'user-agent': userAgent,
      ...(payload && { 'content-type': request.contentType ?? 'application/json' }),
    };
    return new Promise((resolve, reject) => {
      const { method, signal } = request;
      const outgoing = httpsRequest(url, { ...options, headers, method, signal }, resolve);
      outgoing.setTimeout(silenceMs, () =>
        outgoing.destroy(new Error(`no answer from ${url.host} in ${silenceMs} ms`)),
      );
      outgoing.on('error', (error) => {
        if (!signal?.aborted) server.unreachable?.(base);
        reject(error);
      });
      outgoing.end(payload);
    });
  };

  return {
    async request(request) {
      const response = await send(request, requestTimeoutMs);
      const text = await textOf(response);
      if (response.statusCode! >= 300) throw errorOf(response.statusCode!, text);
      return JSON.parse(text);
    },
    async *watch(path, query, signal) {
      const watchQuery = { ...query, watch: 'true', allowWatchBookmarks: 'true' };
      const response = await send({ method: 'GET', path, query: watchQuery, signal }, watchSilenceMs);
      if (response.statusCode! >= 300) throw errorOf(response.statusCode!, await textOf(response));
      try {
        for await (const line of createInterface({ input: response })) yield JSON.parse(line);
      } finally {
        response.destroy();
      }
    },
  };
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function errorOf(code: number, text: string): KubeError {
  let message = text.trim();
  try {
    message = JSON.parse(text).message ?? message;
  } catch {
    // Not every error is a Status: proxies answer with text.
  }
  return new KubeError(code, message || `status ${code}`);
}
