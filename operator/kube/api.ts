/** Requests to the API server, with the address and credentials that @kubernetes/client-node finds. */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { createInterface } from 'node:readline';
import type { KubeConfig } from '@kubernetes/client-node';

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
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
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

export function kubeApi(config: KubeConfig): KubeApi {
  const send = async (request: KubeRequest, silenceMs: number): Promise<IncomingMessage> => {
    const cluster = config.getCurrentCluster();
    if (!cluster) throw new Error('the kubeconfig names no cluster');
    const url = new URL(cluster.server.replace(/\/$/, '') + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const options: RequestOptions = { method: request.method, signal: request.signal, headers: {} };
    await config.applyToHTTPSOptions(options);
    const payload = request.body === undefined ? undefined : JSON.stringify(request.body);
    const headers = {
      ...(options.headers as Record<string, string>), // it is the object made above
      accept: 'application/json',
      'user-agent': 'caracal-operator',
      ...(payload && { 'content-type': request.contentType ?? 'application/json' }),
    };
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(url, { ...options, headers }, resolve);
      outgoing.setTimeout(silenceMs, () =>
        outgoing.destroy(new Error(`no answer from ${url.host} in ${silenceMs} ms`)),
      );
      outgoing.on('error', reject);
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
