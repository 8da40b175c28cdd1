import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createServer,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ClaimBlockRequestSchema, ClaimBlockResponseSchema, NodeService } from '@caracal/protocol';
import { createConnectRouter, createContextValues, type ServiceImpl } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveStream } from './serve-stream.ts';

const longestBody = 1000;
const service = `/${NodeService.typeName}`;
let client: ClientHttp2Session;
let close: () => void;
let streamEnded: PromiseWithResolvers<void>;
let given: number;

beforeEach(async () => {
  streamEnded = Promise.withResolvers();
  given = 0;
  const routes: Partial<ServiceImpl<typeof NodeService>> = {
    claimBlock: ({ pool }) => ({ result: { case: 'refused', value: `not from ${pool}` } }),
    async *subscribe() {
      try {
        for (;;) {
          given++;
          yield { payload: new Uint8Array(64 * 1024) };
        }
      } finally {
        streamEnded.resolve();
      }
    },
  };
  const router = createConnectRouter({ grpc: false, grpcWeb: false }).service(NodeService, routes);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    void serveStream(stream, headers, handlers, createContextValues(), longestBody);
  });
  const folder = mkdtempSync(join(tmpdir(), 'caracal-serve-'));
  const path = join(folder, 'socket');
  await once(server.listen(path), 'listening');
  client = connectHttp2('http://hub', { createConnection: () => connect(path) });
  close = () => {
    client.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  };
});
afterEach(() => close());

async function ask(
  path: string,
  body: Uint8Array,
  more: OutgoingHttpHeaders = {},
): Promise<{ status: number; body: Buffer }> {
  const stream = client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/proto', ...more });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.end(body);
  const [headers] = await once(stream, 'response');
  await once(stream, 'close');
  return { status: headers[':status'], body: Buffer.concat(chunks) };
}
const claim = (pool: string) => toBinary(ClaimBlockRequestSchema, create(ClaimBlockRequestSchema, { pool }));

test('a unary call is answered; one that nobody serves, of another sort, or too long, is refused, and its stream closes', async () => {
  const { status, body } = await ask(`${service}/ClaimBlock`, claim('blue'));
  expect(status).toBe(200);
  expect(fromBinary(ClaimBlockResponseSchema, body).result).toEqual({ case: 'refused', value: 'not from blue' });
  expect((await ask('/nowhere', claim('blue'))).status).toBe(404);
  expect((await ask(`${service}/ClaimBlock`, claim('blue'), { 'content-type': 'text/html' })).status).toBe(415);
  const long = await ask(`${service}/ClaimBlock`, claim('b'.repeat(longestBody)));
  expect(JSON.parse(String(long.body)).code).toBe('resource_exhausted');
});

test('a stream goes on no further than its reader takes, and the call ends with the reader', async () => {
  const request = Buffer.from([0, 0, 0, 0, 0]); // an envelope of an empty message
  const headers = { ':method': 'POST', ':path': `${service}/Subscribe`, 'content-type': 'application/connect+proto' };
  const stream = client.request(headers);
  stream.on('error', () => {});
  stream.end(request);
  await once(stream, 'response');
  for (let before = -1; before !== given; await new Promise((resolve) => setTimeout(resolve, 50))) before = given;
  expect(given).toBeLessThan(64);
  client.destroy();
  await streamEnded.promise;
});
