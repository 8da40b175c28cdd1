import { chmod, mkdir, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getPeerCredentials } from '@caracal/netlink';
import type { Logger } from 'pino';
import { reached } from '../steps.ts';
import { answerInvocation } from './answer.ts';
import { hungUp, stopping } from './broken-off.ts';
import { encodeReply, type Invocation, parseFrame, type Reply } from './frame.ts';
import { parseConfiguration } from './network-configuration.ts';
import type { AddressPlugin, PodNetwork } from './pod-network.ts';
import { openSpool } from './spool.ts';
import { supportedVersions } from './versions.ts';

export interface CniServerOptions {
  /** In a directory of its own that only root may enter; it is made if it is missing. */
  readonly socketPath: string;
  /** Where the CNI executable leaves DELs. */
  readonly spoolDirectory: string;
  readonly pods: PodNetwork;
  readonly addresses: AddressPlugin;
  readonly logger: Logger;
  /** How long `close` waits for requests to end, once more for those that it breaks off, and a quarter of it for the last answer to be read; 4 s. */
  readonly closeWithinMs?: number;
}

export interface CniServer {
  /**
   * Accepts no more requests and resolves when those under way are answered. Those that take too long are broken off: `onBreakOff` ends what
   * they may be waiting for, they undo what they did and are answered with code 11. What even then does not end is cut off, and is as after
   * a kill: the executable says so to its runtime.
   */
  close(onBreakOff?: () => void): Promise<void>;
}

/** Whoever connects has sent its request by then, or is cut off. */
const requestTimeoutMs = 10_000;
const smallestConfiguration = JSON.stringify({ cniVersion: supportedVersions[0], name: 'caracal', type: 'caracal' });
/** How often the spool is looked at beside every ADD: for a DEL that was spooled while the agent started. */
const spoolIntervalMs = 10_000;

/**
 * Serves the CNI executable. What is spooled is carried out before the socket opens, and before every ADD. Rejects when
 * another process serves the socket already.
 */
export async function startCniServer(options: CniServerOptions): Promise<CniServer> {
  const { socketPath, logger } = options;
  const never = new AbortController().signal;
  const spool = openSpool(
    options.spoolDirectory,
    (invocation) => answerInvocation(invocation, options, never, logger),
    logger,
  );
  const underWay = new Map<Promise<void>, AbortController>();
  const connections = new Set<Socket>();
  /** Connections that have not sent a request. */
  const silent = new Set<Socket>();

  async function answer(invocation: Invocation, signal: AbortSignal): Promise<Reply> {
    if (invocation.environment.get('CNI_COMMAND') === 'ADD') await spool.drain();
    return answerInvocation(invocation, options, signal, logger);
  }

  const server = createServer((socket) => {
    const refusal = refuseStranger(socket);
    if (refusal) {
      logger.warn(refusal);
      socket.destroy();
      return;
    }
    reached('request: accepted');
    for (const set of [connections, silent]) {
      set.add(socket);
      socket.once('close', () => set.delete(socket));
    }
    readInvocation(socket, logger, (invocation) => {
      reached('request: whole');
      silent.delete(socket);
      const controller = new AbortController();
      // The executable waits for the answer and never closes before; when it does, the runtime has killed it.
      socket.once('close', () => controller.abort(hungUp));
      const work = answer(invocation, controller.signal).then((reply) => {
        if (!socket.destroyed) socket.end(encodeReply(reply));
        reached('request: answered');
      });
      underWay.set(work, controller);
      void work.finally(() => underWay.delete(work));
    });
  });

  // The schema is compiled when it is first used, which takes as long as several ADDs.
  parseConfiguration(smallestConfiguration);
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
  await removeStale(socketPath);
  await spool.drain();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  await chmod(socketPath, 0o600);
  const timer = setInterval(() => void spool.drain(), spoolIntervalMs);
  timer.unref();
  logger.info({ socket: socketPath }, 'serving CNI requests');

  return {
    close: async (onBreakOff) => {
      clearInterval(timer);
      // Also removes the socket's file.
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of silent) socket.destroy();
      const { closeWithinMs = 4_000 } = options;
      if (!(await end(underWay.keys(), closeWithinMs))) {
        logger.warn({ requests: underWay.size }, 'requests take too long for an agent that stops: they are broken off');
        for (const controller of underWay.values()) controller.abort(stopping);
        onBreakOff?.();
        if (!(await end(underWay.keys(), closeWithinMs))) {
          logger.error({ requests: underWay.size }, 'requests do not end: they are cut off');
        }
      }
      // Nor is who does not take its answer waited for.
      if (!(await end([closed], closeWithinMs / 4))) for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

/** Whether all of it ends in time. */
async function end(work: Iterable<Promise<void>>, withinMs: number): Promise<boolean> {
  const late = new AbortController();
  const ended = Promise.all(work).then(() => true);
  const tooLate = sleep(withinMs, false, { signal: late.signal }).catch(() => false);
  return Promise.race([ended, tooLate]).finally(() => late.abort());
}

/** Why the peer may not ask; undefined for root. The directory's mode keeps others out as well. */
function refuseStranger(socket: Socket): string | undefined {
  // Node.js has no public way to the descriptor of a socket.
  const handle = (socket as unknown as { readonly _handle?: { readonly fd: number } })._handle;
  if (!handle) return 'a CNI connection was closed before it could be looked at';
  const { uid, pid } = getPeerCredentials(handle.fd);
  return uid === 0 ? undefined : `refused a CNI connection of process ${pid}, which runs as user ${uid}, not root`;
}

/** Calls `onInvocation` once, when the request is whole; a peer that sends anything else is cut off. */
function readInvocation(socket: Socket, logger: Logger, onInvocation: (invocation: Invocation) => void): void {
  let received: Buffer = Buffer.alloc(0);
  const timeout = setTimeout(() => {
    logger.warn('a CNI connection sent no whole request in time');
    socket.destroy();
  }, requestTimeoutMs);
  socket.on('error', (error) => logger.debug({ err: error }, 'a CNI connection failed'));
  socket.once('close', () => clearTimeout(timeout));
  socket.on('data', (chunk) => {
    // No encoding is set, so it is bytes already.
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    const frame = parseFrame(received);
    if (frame.state === 'incomplete') return;
    clearTimeout(timeout);
    if (frame.state === 'complete') {
      // Goes on reading, so that a hang-up is noticed.
      socket.removeAllListeners('data').resume();
      onInvocation(frame.invocation);
    } else {
      logger.warn(`a CNI connection sent what is no request: ${frame.message}`);
      socket.destroy();
    }
  });
}

/** A socket's file outlives a killed agent; one that somebody serves must not be taken away from them. */
async function removeStale(socketPath: string): Promise<void> {
  const served = await new Promise<boolean>((resolve) => {
    const probe = createConnection(socketPath, () => resolve(true));
    probe.once('error', () => resolve(false));
    probe.once('connect', () => probe.destroy());
  });
  if (served) throw new Error(`another process serves ${socketPath}: is an agent running already?`);
  await unlink(socketPath).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
