import { connect, type Socket } from 'node:net';
import { parseAddress } from '@caracal/net';
import {
  createFramer,
  encodeAttributes,
  encodeMessage,
  encodeUpdateBody,
  frame,
  initialContext,
  messageTypes,
  origins,
} from 'bgp-parser';

/** What a neighbour of the speaker under test is, and what becomes of its session. */
export interface NeighbourOptions {
  readonly local: string;
  readonly speaker: string;
  readonly asNumber: number;
  readonly holdTimeSeconds: number;
  readonly onEstablished: () => void;
  /** Gets every UPDATE with its header. */
  readonly onUpdate: (message: Uint8Array) => void;
  /** The session ended after it was established; without it that is an error. */
  readonly onFallen?: (why: string) => void;
}

export interface Neighbour {
  send(bytes: Uint8Array): void;
  /** The longest time without a byte from the speaker since the session was established, in ms. */
  longestSilenceMs(): number;
}

const keepalive = encodeMessage({ type: 'keepalive' }, initialContext);
const none = new Uint8Array(0);

/** Opens a session with IPv4 unicast and four-octet AS numbers, again and again until the speaker listens. */
export function openNeighbour(options: NeighbourOptions): Neighbour {
  const { local, speaker, asNumber, holdTimeSeconds, onEstablished, onUpdate } = options;
  const address = addressOf(local);
  let socket: Socket;
  let established = false;
  let heardAt = 0;
  let longest = 0;

  function onMessage(message: Uint8Array): void {
    const type = message[18];
    if (type === messageTypes.notification) fall(`NOTIFICATION ${message[19]}/${message[20]}`);
    if (type === messageTypes.open) socket.write(keepalive);
    if (type === messageTypes.update) onUpdate(message);
    if (type !== messageTypes.keepalive || established) return;
    established = true;
    heardAt = performance.now();
    onEstablished();
  }

  function fall(why: string): void {
    if (!options.onFallen) throw new Error(`${local}: ${why}`);
    options.onFallen(why);
  }

  function start(): void {
    let open = false;
    socket = connect({ host: speaker, port: 179, localAddress: local, noDelay: true });
    socket.on('connect', () => {
      open = true;
      const capabilities = [
        { name: 'multiprotocol', afi: 1, safi: 1 },
        { name: 'routeRefresh' },
        { name: 'fourOctetAs', asNumber },
      ] as const;
      const bgpIdentifier = address.bytes.reduce((sum, byte) => sum * 256 + byte, 0);
      socket.write(
        encodeMessage({ type: 'open', asNumber, holdTimeSeconds, bgpIdentifier, capabilities }, initialContext),
      );
    });
    socket.on('error', (error) => {
      // The speaker may not listen yet.
      if (!open) setTimeout(start, 200);
      else fall(error.message);
    });
    socket.on('end', () => fall('the speaker closed the connection'));
    const framer = createFramer();
    socket.on('data', (chunk) => {
      if (established) longest = Math.max(longest, performance.now() - heardAt);
      heardAt = performance.now();
      // No encoding is set, so the chunks are bytes.
      framer.push(chunk as Uint8Array);
      for (let next = framer.next(initialContext); next; next = framer.next(initialContext)) {
        if ('kind' in next) throw new Error(`${local}: ${next.message}`);
        onMessage(next);
      }
    });
  }

  setInterval(() => established && socket.write(keepalive), (holdTimeSeconds * 1000) / 3);
  start();
  return {
    send: (bytes) => void socket.write(bytes),
    longestSilenceMs: () => Math.max(longest, established ? performance.now() - heardAt : 0),
  };
}

/** Says something to the benchmark: a word and numbers. */
export const say = (word: string, ...numbers: readonly number[]) =>
  void process.stdout.write(`${[word, ...numbers].join(' ')}\n`);

/** Unix milliseconds, with their fraction. */
export const now = () => performance.timeOrigin + performance.now();

export interface Announcement {
  readonly nextHop: string;
  readonly asNumber: number;
  /** The number of the first prefix; 0 when absent. */
  readonly first?: number;
  readonly routes: number;
  readonly perUpdate: number;
  /** AS numbers on every path, after the neighbour's own; when absent two, that differ from one UPDATE to the next. */
  readonly path?: readonly number[];
}

/**
 * The UPDATEs that announce prefixes, of which 20.0.0.0/24 has the number 0, and an End-of-RIB. Attributes differ from one UPDATE to the
 * next, as they do in the Internet's table.
 */
export function announcement(options: Announcement): Uint8Array {
  const { nextHop, asNumber, first = 0, routes, perUpdate, path } = options;
  const messages: Uint8Array[] = [];
  const end = first + routes;
  for (let next = first, group = 0; next < end; next += perUpdate, group++) {
    const varied = [1000 + (group % 50_000), 2000 + ((group * 7) % 50_000), 300 + ((group * 13) % 60_000)];
    const attributes = encodeAttributes(
      {
        origin: origins.igp,
        asPath: [{ type: 'sequence', asNumbers: [asNumber, ...(path ?? varied.slice(0, 1 + (group % 3)))] }],
        nextHop: addressOf(nextHop),
        communities: [((asNumber << 16) | (group % 4096)) >>> 0],
      },
      initialContext,
    );
    messages.push(frame(messageTypes.update, encodeUpdateBody(none, attributes, prefixes(next, perUpdate, end))));
  }
  messages.push(frame(messageTypes.update, encodeUpdateBody(none, none, none)));
  return Buffer.concat(messages);
}

/** UPDATEs as long as they may be that withdraw everything. */
export function withdrawal(routes: number): Uint8Array {
  const messages: Uint8Array[] = [];
  for (let first = 0; first < routes; first += 1000) {
    messages.push(frame(messageTypes.update, encodeUpdateBody(prefixes(first, 1000, routes), none, none)));
  }
  return Buffer.concat(messages);
}

/** `count` prefixes from the one with the number `first` on, but none from `end` on. */
function prefixes(first: number, count: number, end: number): Uint8Array {
  const nlri = new Uint8Array(4 * Math.min(count, end - first));
  for (let i = 0; 4 * i < nlri.length; i++) {
    const block = first + i;
    nlri.set([24, 20 + (block >>> 16), (block >>> 8) & 255, block & 255], 4 * i);
  }
  return nlri;
}

/** The number of the prefix that stands at an offset of an UPDATE. */
export function prefixNumber(message: Uint8Array, at: number, routes: number): number {
  const block = ((message[at + 1] - 20) << 16) | (message[at + 2] << 8) | message[at + 3];
  if (message[at] !== 24 || !(block < routes)) throw new Error('a prefix that was not announced');
  return block;
}

function addressOf(text: string) {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} is no address`);
  return parsed;
}
