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
  readU16,
} from 'bgp-parser';

/**
 * One neighbour of the speaker under test, a process in a namespace of its own (see bgp.ts):
 * `bgp-traffic.ts tx LOCAL PEER AS ROUTES PER_UPDATE` announces 20.0.0.0/24 and what follows, after both sessions had
 * time to come up, and withdraws all of it when it reads a line; `bgp-traffic.ts rx LOCAL PEER AS ROUTES` counts. Lines on
 * standard output: `established`, then `start MS` and `withdraw MS` of the first byte written, or `done MS UPDATES` and
 * `gone MS`, in Unix milliseconds.
 */
const [role, local, peer, asText, routesText, perUpdateText] = process.argv.slice(2);
const asNumber = Number(asText);
const routes = Number(routesText);
const now = () => performance.timeOrigin + performance.now();
const say = (line: string) => process.stdout.write(`${line}\n`);

const keepalive = encodeMessage({ type: 'keepalive' }, initialContext);

function address(text: string) {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} is no address`);
  return parsed;
}

/** All UPDATEs, and an End-of-RIB. Attributes differ from one UPDATE to the next, as they do in the Internet's table. */
function traffic(perUpdate: number): Uint8Array {
  const messages: Uint8Array[] = [];
  const none = new Uint8Array(0);
  for (let first = 0, group = 0; first < routes; first += perUpdate, group++) {
    const path = [asNumber, 1000 + (group % 50_000), 2000 + ((group * 7) % 50_000), 300 + ((group * 13) % 60_000)];
    const attributes = encodeAttributes(
      {
        origin: origins.igp,
        asPath: [{ type: 'sequence', asNumbers: path.slice(0, 2 + (group % 3)) }],
        nextHop: address(local),
        communities: [((asNumber << 16) | (group % 4096)) >>> 0],
      },
      initialContext,
    );
    messages.push(frame(messageTypes.update, encodeUpdateBody(none, attributes, prefixes(first, perUpdate))));
  }
  messages.push(frame(messageTypes.update, encodeUpdateBody(none, none, none)));
  return Buffer.concat(messages);
}

/** `count` prefixes from the one with the number `first` on, as far as there are that many. */
function prefixes(first: number, count: number): Uint8Array {
  const nlri = new Uint8Array(4 * Math.min(count, routes - first));
  for (let i = 0; 4 * i < nlri.length; i++) {
    const block = first + i;
    nlri.set([24, 20 + (block >>> 16), (block >>> 8) & 255, block & 255], 4 * i);
  }
  return nlri;
}

/** UPDATEs as long as they may be that withdraw everything. */
function withdrawal(): Uint8Array {
  const messages: Uint8Array[] = [];
  const none = new Uint8Array(0);
  const perUpdate = 1000;
  for (let first = 0; first < routes; first += perUpdate) {
    messages.push(frame(messageTypes.update, encodeUpdateBody(prefixes(first, perUpdate), none, none)));
  }
  return Buffer.concat(messages);
}

function send(socket: Socket): void {
  const bytes = traffic(Number(perUpdateText));
  setTimeout(() => {
    say(`start ${now()}`);
    socket.write(bytes);
  }, 3000);
  process.stdin.once('data', () => {
    say(`withdraw ${now()}`);
    socket.write(withdrawal());
  });
}

/** Calls with every message's bytes. */
function read(socket: Socket, onMessage: (message: Uint8Array) => void): void {
  const framer = createFramer();
  socket.on('data', (chunk) => {
    // No encoding is set, so the chunks are bytes.
    framer.push(chunk as Uint8Array);
    for (let next = framer.next(initialContext); next; next = framer.next(initialContext)) {
      if ('kind' in next) throw new Error(`${role}: ${next.message}`);
      onMessage(next);
    }
  });
}

function run(socket: Socket): void {
  let count = 0;
  let updates = 0;
  const seen = new Uint8Array(routes);
  socket.on('connect', () => {
    const identifier = address(local).bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    const open = {
      type: 'open',
      asNumber,
      holdTimeSeconds: 240,
      bgpIdentifier: identifier,
      capabilities: [
        { name: 'multiprotocol', afi: 1, safi: 1 },
        { name: 'routeRefresh' },
        { name: 'fourOctetAs', asNumber },
      ],
    } as const;
    socket.write(encodeMessage(open, initialContext));
    setInterval(() => socket.write(keepalive), 20_000);
  });
  let established = false;
  read(socket, (message) => {
    const type = message[18];
    if (type === messageTypes.notification) throw new Error(`${role}: NOTIFICATION ${message[19]}/${message[20]}`);
    if (type === messageTypes.open) socket.write(keepalive);
    if (type === messageTypes.keepalive && !established) {
      established = true;
      say('established');
      if (role === 'tx') send(socket);
    }
    if (type !== messageTypes.update || role !== 'rx') return;
    const withdrawn = readU16(message, 19);
    const attributes = readU16(message, 21 + withdrawn);
    updates++;
    if (withdrawn > 0) {
      count -= withdrawn / 4;
      if (count === 0) say(`gone ${now()}`);
    }
    for (let at = 23 + withdrawn + attributes; at < message.length; at += 4) {
      const block = ((message[at + 1] - 20) << 16) | (message[at + 2] << 8) | message[at + 3];
      if (message[at] !== 24 || !(block < routes)) throw new Error('rx: a prefix that was not announced');
      // Each route counts once.
      count += 1 - seen[block];
      seen[block] = 1;
    }
    if (count === routes && withdrawn === 0) say(`done ${now()} ${updates}`);
  });
}

function start(): void {
  const socket = connect({ host: peer, port: 179, localAddress: local, noDelay: true });
  let open = false;
  socket.on('connect', () => {
    open = true;
  });
  socket.on('error', (error) => {
    // The speaker may not listen yet.
    if (open) throw error;
    setTimeout(start, 200);
  });
  run(socket);
}

start();
