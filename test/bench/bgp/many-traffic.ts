import { readU16 } from 'bgp-parser';
import { announcement, type Neighbour, now, openNeighbour, prefixNumber, say, withdrawal } from './neighbour.ts';
import { manyAddress, manyAs } from './speakers.ts';

/**
 * Many neighbours of the speaker under test in one process and one namespace (see many.ts).
 *
 * `many-traffic.ts share NEIGHBOURS ROUTES PER_UPDATE`: each announces the same prefixes, the first by the shortest AS
 * path, and then all but the first one prefix of their own. `done MS` when all others have the first's routes, and the
 * first has their own prefixes: so the speaker has read everything.
 * `many-traffic.ts flap NEIGHBOURS ROUTES PER_UPDATE TIMES`: the first announces, and when all others have everything
 * withdraws, until nobody has anything, so many times; every session asks for a hold time of 3 s. `done MS SILENCE`
 * with the longest time, in ms, that a neighbour heard nothing from the speaker; or `fallen MS`.
 *
 * Before that: `established`, and after a line on standard input `start MS`. Times are Unix milliseconds.
 */
const [role, ...numbers] = process.argv.slice(2);
const [count, routes, perUpdate, times] = numbers.map(Number);
const flap = role === 'flap';
const others = count - 1;

/** Prefixes from the number `routes` on are the others' own. */
const prefixes = flap ? routes : routes + count;
/** For each neighbour and prefix: whether it has the route that it is due. */
const has = new Uint8Array(count * prefixes);
const due = flap ? others * routes : others * routes + others;
let complete = 0;
function note(neighbour: number, prefix: number, value: 0 | 1): void {
  if (neighbour === 0 ? prefix < routes : prefix >= routes) return;
  complete += value - has[neighbour * prefixes + prefix];
  has[neighbour * prefixes + prefix] = value;
}

/** How many AS numbers an UPDATE's AS_PATH has; 0 when there is none. */
function pathLength(message: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; ) {
    const extended = (message[at] & 0x10) !== 0;
    const length = extended ? readU16(message, at + 2) : message[at + 2];
    const value = at + (extended ? 4 : 3);
    if (message[at + 1] === 2) return length === 0 ? 0 : message[value + 1];
    at = value + length;
  }
  return 0;
}

function onUpdate(neighbour: number, message: Uint8Array): void {
  const withdrawnEnd = 21 + readU16(message, 19);
  for (let at = 21; at < withdrawnEnd; at += 4) note(neighbour, prefixNumber(message, at, prefixes), 0);
  const nlri = withdrawnEnd + 2 + readU16(message, withdrawnEnd);
  // A path of the first has its own AS number and the speaker's.
  const asNumbers = nlri < message.length ? pathLength(message, withdrawnEnd + 2, nlri) : 0;
  for (let at = nlri; at < message.length; at += 4) {
    const prefix = prefixNumber(message, at, prefixes);
    note(neighbour, prefix, flap || prefix >= routes || asNumbers === 2 ? 1 : 0);
  }
  if (started) goOn();
}

let started = false;
let ended = false;
let rounds = 0;
let announced = true;

function goOn(): void {
  if (ended || complete !== (announced ? due : 0)) return;
  if (flap && (announced || ++rounds < times)) {
    announced = !announced;
    neighbours[0].send(announced ? announcements[0] : gone);
    return;
  }
  ended = true;
  say('done', now(), Math.max(...neighbours.map((neighbour) => neighbour.longestSilenceMs())));
}

const gone = withdrawal(routes);
const announcements = Array.from({ length: flap ? 1 : count }, (_, i) => {
  const same = { nextHop: manyAddress(i), asNumber: manyAs(i), perUpdate };
  if (flap) return announcement({ ...same, routes });
  if (i === 0) return announcement({ ...same, routes, path: [] });
  return Buffer.concat([
    announcement({ ...same, routes, path: [64_000] }),
    announcement({ ...same, first: routes + i, routes: 1, path: [] }),
  ]);
});

let established = 0;
const neighbours: Neighbour[] = Array.from({ length: count }, (_, i) =>
  openNeighbour({
    local: manyAddress(i),
    speaker: '10.98.0.1',
    asNumber: manyAs(i),
    holdTimeSeconds: flap ? 3 : 240,
    onEstablished: () => {
      if (++established === count) say('established');
    },
    onUpdate: (message) => onUpdate(i, message),
    onFallen: (why) => {
      process.stderr.write(`session ${i + 1} of ${count}: ${why}\n`);
      if (!ended) say('fallen', now());
      ended = true;
    },
  }),
);
process.stdin.once('data', () => {
  started = true;
  say('start', now());
  for (const [i, bytes] of announcements.entries()) neighbours[i].send(bytes);
});
