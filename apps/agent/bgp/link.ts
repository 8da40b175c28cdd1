import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { SpeakerConfig } from '@caracal/bgp-speaker';
import type { Logger } from 'pino';
import { z } from 'zod';

const retryMs = 250;

const peerStatus = z.object({
  name: z.string(),
  address: z.string(),
  asNumber: z.number(),
  state: z.string(),
  sinceMs: z.number(),
  received: z.number(),
  advertised: z.number(),
  lastError: z.string().nullish(),
});

const statusMessage = z.object({ type: z.literal('status'), peers: z.array(peerStatus) });
/** The answer to `configure`; what follows from it comes as a status. */
const configuredMessage = z.object({ type: z.literal('configured') });

export type PeerStatus = z.infer<typeof peerStatus>;

/**
 * The agent's side of the socket of `caracal-bgp`: JSON, a line a message. The speaker keeps its last configuration
 * by itself, so losing this link stops no session; after every connect the whole configuration is sent again.
 */
export interface BgpLink {
  configure(config: SpeakerConfig): void;
  /** What the speaker last said; empty while it is away. */
  readonly peers: readonly PeerStatus[];
  readonly connected: boolean;
  stop(): void;
}

export interface BgpLinkOptions {
  readonly socketPath: string;
  readonly logger: Logger;
  onStatus(peers: readonly PeerStatus[]): void;
}

export function linkToSpeaker({ socketPath, logger, onStatus }: BgpLinkOptions): BgpLink {
  let wanted = '';
  let sent = '';
  let socket: Socket | undefined;
  let connected = false;
  let stopped = false;
  let retry: NodeJS.Timeout | undefined;
  let peers: readonly PeerStatus[] = [];

  function send(): void {
    if (!connected || !socket || wanted === '' || wanted === sent) return;
    socket.write(wanted);
    sent = wanted;
  }

  function receive(line: string): void {
    const message = parseJson(line);
    if (configuredMessage.safeParse(message).success) return;
    const status = statusMessage.safeParse(message);
    if (!status.success) {
      logger.warn({ line: line.slice(0, 200) }, 'caracal-bgp sent what is no status');
      return;
    }
    peers = status.data.peers;
    onStatus(peers);
  }

  function connect(): void {
    const attempt = createConnection(socketPath);
    socket = attempt;
    attempt.on('connect', () => {
      connected = true;
      sent = '';
      logger.info({ socket: socketPath }, 'connected to caracal-bgp');
      send();
    });
    // The reason comes again with 'close', which is where everything is decided; readline passes the socket's errors on.
    attempt.on('error', () => {});
    createInterface({ input: attempt })
      .on('line', receive)
      .on('error', () => {});
    attempt.on('close', () => {
      if (connected) {
        logger.warn({ socket: socketPath }, 'caracal-bgp is away: its routes stay, its status is unknown');
        peers = [];
        onStatus(peers);
      }
      connected = false;
      if (!stopped) retry = setTimeout(connect, retryMs);
    });
  }

  connect();
  return {
    configure(config) {
      wanted = `${JSON.stringify({ type: 'configure', config })}\n`;
      send();
    },
    get peers() {
      return peers;
    },
    get connected() {
      return connected;
    },
    stop() {
      stopped = true;
      clearTimeout(retry);
      socket?.destroy();
    },
  };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
