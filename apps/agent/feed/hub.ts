import { setTimeout as delay } from 'node:timers/promises';
import { createHubTransport, type HubTransport, NodeService } from '@caracal/protocol';
import { type Client, createClient } from '@connectrpc/connect';
import type { Logger } from 'pino';
import type { AgentConfig } from '../config.ts';
import { hubIdentity } from './ask-hub.ts';

/** The longest silence of a stream: a hub that lives sends a heartbeat much more often. */
const silenceMs = 15_000;
const shortestPauseMs = 50;
const longestPauseMs = 5_000;

type NodeClient = Client<typeof NodeService>;

export interface HubOptions {
  /** How the hub knows us, and we it. */
  readonly credentials: Pick<AgentConfig['hub'], 'ca' | 'cert' | 'key' | 'tokenFile'>;
  /** `host:port` of the hubs there are, asked before each attempt. */
  addresses(): readonly string[];
  readonly logger: Logger;
  /** From where to resume: the last committed revision and its nonce, or zeros for a snapshot. */
  position(): { revision: bigint; nonce: bigint };
  /** The next frame waits until this one is dealt with: a hub learns by back-pressure that we are busy. */
  onFrame(payload: Uint8Array): Promise<void>;
  /** A stream has begun (true) or ended (false). */
  onConnected(connected: boolean): void;
  readonly protocolVersion: number;
}

/** The node's connection to one hub at a time. */
export interface Hub {
  /** The client of the hub that serves us now, or of the one that is tried next. */
  client(): NodeClient;
  readonly connected: boolean;
  /** Ends the current stream, so that the next one starts from `position()`. */
  restart(): void;
  stop(): Promise<void>;
}

/**
 * Keeps a subscription alive for as long as the agent lives: hubs are tried in turn, with a growing, jittered pause; every
 * way in which a stream can end (an error, an orderly end, silence) means the same: connect again and resume.
 */
export function connectHub(options: HubOptions): Hub {
  const { logger, addresses } = options;
  const stopping = new AbortController();
  let identity = hubIdentity(options.credentials);
  // Nodes spread over the hubs.
  let next = Math.floor(Math.random() * 1024);
  let address = '';
  let transport: HubTransport = open();
  let client = createClient(NodeService, transport);
  let stream: AbortController | undefined;
  let connected = false;

  function open(): HubTransport {
    const known = addresses();
    // Until a hub is known every call fails, as with one that is away.
    address = known[next % known.length] ?? '127.0.0.1:1';
    return createHubTransport({ address, ...identity });
  }

  /** Certificates are renewed. One that cannot be read is about to be replaced: until then the former counts. */
  function readAgain(): ReturnType<typeof hubIdentity> {
    try {
      return hubIdentity(options.credentials);
    } catch (error) {
      logger.warn({ reason: String(error) }, "the node's certificate cannot be read");
      return identity;
    }
  }

  async function follow(): Promise<void> {
    stream = new AbortController();
    const signal = AbortSignal.any([stopping.signal, stream.signal]);
    let silence = setTimeout(() => stream?.abort(new Error(`no message for ${silenceMs / 1000} s`)), silenceMs);
    try {
      const request = { protocolVersion: options.protocolVersion, ...options.position() };
      for await (const frame of client.subscribe(request, { signal })) {
        clearTimeout(silence);
        if (!connected) {
          connected = true;
          options.onConnected(true);
        }
        await options.onFrame(frame.payload);
        silence = setTimeout(() => stream?.abort(new Error(`no message for ${silenceMs / 1000} s`)), silenceMs);
      }
    } finally {
      clearTimeout(silence);
      if (connected) {
        connected = false;
        options.onConnected(false);
      }
    }
  }

  async function run(): Promise<void> {
    let pauseMs = shortestPauseMs;
    let reported = '';
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      try {
        if (addresses().length === 0) throw new Error('no hub is known yet');
        await follow();
        logger.info({ hub: address }, 'the hub ended the feed: connecting again');
      } catch (error) {
        if (stopping.signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        // The same failure again and again is one line in the log, not one a try.
        if (message !== reported) logger.warn({ hub: address, reason: message }, 'no feed from the hub: trying again');
        reported = message;
      }
      if (performance.now() - startedAt > longestPauseMs) {
        pauseMs = shortestPauseMs;
        reported = '';
      }
      await delay(pauseMs * (0.5 + Math.random()), undefined, { signal: stopping.signal }).catch(() => {});
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      transport.close();
      next++;
      identity = readAgain();
      transport = open();
      client = createClient(NodeService, transport);
    }
  }

  const running = run();
  return {
    client: () => client,
    get connected() {
      return connected;
    },
    restart: () => stream?.abort(new Error('a new snapshot is wanted')),
    async stop() {
      stopping.abort();
      await running;
      transport.close();
    },
  };
}
