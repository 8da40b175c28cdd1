/**
 * One HTTP/2 stream as a call of Connect's: what its adapters for Node's servers do, on the stream itself. A claim is a message of a hundred bytes
 * and an answer of as many; layers of requests, responses and web streams around them cost more than the claim.
 */
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { hubServerName } from '@caracal/protocol';
import { Code, ConnectError, type ContextValues } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';

/** Answers the stream by the handler of its path. Never rejects: a client that goes away ends its call, whatever that waits for. */
export async function serveStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  handlers: ReadonlyMap<string, UniversalHandler>,
  contextValues: ContextValues,
  longestBody: number,
): Promise<void> {
  stream.on('error', () => {}); // `close` follows, and says it to the call
  const path = headers[':path'] ?? '';
  const gone = new AbortController();
  let answered = false;
  stream.once('close', () => {
    if (!answered) gone.abort(new ConnectError('the client went away', Code.Canceled));
  });
  try {
    const handler = handlers.get(path);
    if (!handler) {
      stream.respond({ ':status': constants.HTTP_STATUS_NOT_FOUND }, { endStream: true });
      return;
    }
    const response = await handler({
      httpVersion: '2.0',
      method: headers[':method'] ?? '',
      url: `https://${hubServerName}${path}`,
      header: webHeaders(headers),
      body: bodyOf(stream, longestBody),
      signal: gone.signal,
      contextValues,
    });
    await (handler.method.methodKind === 'unary' ? answer(stream, response) : answerInParts(stream, response));
    answered = true;
  } catch {
    // Connect makes answers of the failures of calls: this is one of the stream's.
    stream.destroy();
  }
}

/** What the client sends, when it is whole: all calls have one request. */
async function* bodyOf(stream: ServerHttp2Stream, longest: number): AsyncGenerator<Uint8Array> {
  yield await new Promise<Uint8Array>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= longest) chunks.push(chunk);
      else reject(new ConnectError(`a request has at most ${longest} bytes`, Code.ResourceExhausted));
    });
    stream.once('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    stream.once('close', () => reject(new ConnectError('the client went away', Code.Canceled)));
  });
}

/** In one write: the parts of an answer to a unary call are one message, or none. */
async function answer(stream: ServerHttp2Stream, response: UniversalServerResponse): Promise<void> {
  const parts: Uint8Array[] = [];
  for await (const part of response.body ?? []) parts.push(part);
  if (stream.destroyed) return;
  stream.respond(nodeHeaders(response));
  stream.end(parts.length === 1 ? parts[0] : Buffer.concat(parts));
}

/** Part by part, each when the stream has room again. When it has closed, the call is ended where it stands. */
async function answerInParts(stream: ServerHttp2Stream, response: UniversalServerResponse): Promise<void> {
  for await (const part of response.body ?? []) {
    if (stream.destroyed) return;
    // With the first part, not before: until then the call may still set headers.
    if (!stream.headersSent) stream.respond(nodeHeaders(response));
    if (!stream.write(part)) await roomIn(stream);
  }
  if (stream.destroyed) return;
  if (!stream.headersSent) stream.respond(nodeHeaders(response));
  stream.end();
}

/** A stream that has closed emits no `drain`. */
function roomIn(stream: ServerHttp2Stream): Promise<void> {
  if (stream.destroyed || !stream.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}

function webHeaders(headers: IncomingHttpHeaders): Headers {
  const web = new Headers();
  for (const name in headers) {
    if (name.startsWith(':')) continue;
    const value = headers[name];
    if (typeof value === 'string') web.set(name, value);
    else for (const each of value ?? []) web.append(name, each);
  }
  return web;
}

function nodeHeaders({ status, header }: UniversalServerResponse): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ':status': status };
  header?.forEach((value, name) => {
    headers[name] = value;
  });
  return headers;
}
