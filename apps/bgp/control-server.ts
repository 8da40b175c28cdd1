import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { PeerStatus } from '@caracal/bgp-speaker';
import { onLines } from './json-lines.ts';
import { type Reply, type Request, requestSchema } from './protocol.ts';

/** Status changes within this time are told together. */
const coalesceMs = 50;

/** How long an answer may take before sessions have their turn. */
const sliceMs = 2;

export interface ControlServer {
  /** The status has changed. */
  changed(): void;
  close(): void;
}

export interface ControlHandlers {
  status(): readonly PeerStatus[];
  /** The answer, or its pieces in short steps (undefined for a step without one). */
  handle(request: Request): Reply | Iterable<Reply | undefined>;
}

/** The unix socket for the agent and for `show`: mode 0600, in a folder of mode 0700 when it makes that. */
export async function startControlServer(path: string, handlers: ControlHandlers): Promise<ControlServer> {
  if (await answers(path)) throw new Error(`another caracal-bgp answers on ${path}`);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });

  const clients = new Set<Socket>();
  let timer: NodeJS.Timeout | undefined;
  const send = (socket: Socket, reply: Reply) => socket.write(`${JSON.stringify(reply)}\n`);
  const status = (): Reply => ({ type: 'status', peers: handlers.status() });

  const server = createServer((socket) => {
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
    // A client that goes away in the middle of an answer.
    socket.on('error', () => socket.destroy());
    send(socket, status());
    onLines(socket, (line) => {
      const answered = answer(line, handlers);
      if ('type' in answered) send(socket, answered);
      else void sendPieces(socket, answered);
    });
  });
  // Nobody may connect between bind and chmod.
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(umask);
  }
  chmodSync(path, 0o600);

  return {
    changed: () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        const reply = status();
        for (const client of clients) send(client, reply);
      }, coalesceMs);
    },
    close: () => {
      clearTimeout(timer);
      server.close();
      for (const client of clients) client.destroy();
    },
  };
}

/** Sends the pieces of an answer as the client takes them, and lets sessions have their turn in between. */
async function sendPieces(socket: Socket, pieces: Iterable<Reply | undefined>): Promise<void> {
  let end = performance.now() + sliceMs;
  try {
    for (const piece of pieces) {
      if (piece) socket.write(`${JSON.stringify(piece)}\n`);
      if (socket.writableNeedDrain) await drained(socket);
      else if (performance.now() > end) await setImmediate();
      if (socket.destroyed) return;
      if (performance.now() > end) end = performance.now() + sliceMs;
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    socket.write(`${JSON.stringify({ type: 'error', message } satisfies Reply)}\n`);
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

function answer(line: string, handlers: ControlHandlers): ReturnType<ControlHandlers['handle']> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { type: 'error', message: 'the line is no JSON' };
  }
  const request = requestSchema.safeParse(value);
  if (!request.success) return { type: 'error', message: `unknown request: ${request.error.issues[0].message}` };
  return handlers.handle(request.data);
}

/** Whether a live process listens on the socket (a killed one leaves the file behind). */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
