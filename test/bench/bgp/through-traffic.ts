import { readU16 } from 'bgp-parser';
import { announcement, now, openNeighbour, prefixNumber, say, withdrawal } from './neighbour.ts';

/**
 * One of two neighbours of the speaker under test, a process in a namespace of its own (see through.ts):
 * `through-traffic.ts tx LOCAL SPEAKER AS ROUTES PER_UPDATE` announces, after both sessions had time to come up, and
 * withdraws all of it when it reads a line; `rx` counts. Lines on standard output: `established`, then `start MS` and
 * `withdraw MS` of the first byte written, or `done MS UPDATES` and `gone MS`, in Unix milliseconds.
 */
const [role, local, speaker, ...numbers] = process.argv.slice(2);
const [asNumber, routes, perUpdate] = numbers.map(Number);

let count = 0;
let updates = 0;
const seen = new Uint8Array(routes);

function onUpdate(message: Uint8Array): void {
  if (role !== 'rx') return;
  const withdrawn = readU16(message, 19);
  const attributes = readU16(message, 21 + withdrawn);
  updates++;
  if (withdrawn > 0) {
    count -= withdrawn / 4;
    if (count === 0) say('gone', now());
  }
  for (let at = 23 + withdrawn + attributes; at < message.length; at += 4) {
    const number = prefixNumber(message, at, routes);
    // Each route counts once.
    count += 1 - seen[number];
    seen[number] = 1;
  }
  if (count === routes && withdrawn === 0) say('done', now(), updates);
}

function onEstablished(): void {
  say('established');
  if (role !== 'tx') return;
  const bytes = announcement({ nextHop: local, asNumber, routes, perUpdate });
  setTimeout(() => {
    say('start', now());
    neighbour.send(bytes);
  }, 3000);
  process.stdin.once('data', () => {
    const gone = withdrawal(routes);
    say('withdraw', now());
    neighbour.send(gone);
  });
}

const neighbour = openNeighbour({ local, speaker, asNumber, holdTimeSeconds: 240, onEstablished, onUpdate });
