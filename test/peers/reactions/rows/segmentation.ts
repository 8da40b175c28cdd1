import { prefixesAfter } from '../outcome.ts';
import type { Row } from '../row.ts';
import { attribute, keepalive, mandatory, open, route, update } from '../wire.ts';

const rfc = 'RFC 793 2.8';
const whole = route(`${mandatory} ${attribute(0xc0, 8, 'fdea0001')} ${attribute(0x80, 4, '00000005')}`);

/** Messages cut by TCP in other places than their ends. */
export const segmentation: readonly Row[] = [
  ...[1, 2, 3, 16, 17, 18, 19, 20, 37].map(
    (segment): Row => ({
      name: `an UPDATE in segments of ${segment} octets`,
      rfc,
      send: whole,
      segment,
      reaction: 'used',
      has: { med: '5' },
    }),
  ),
  {
    name: 'an OPEN byte by byte',
    rfc,
    state: 'OpenSent',
    send: open({}),
    segment: 1,
    reaction: 'established',
  },
  {
    name: 'an OPEN and a KEEPALIVE in one segment',
    rfc,
    state: 'OpenSent',
    send: `${open({})} ${keepalive}`,
    reaction: 'established',
  },
  {
    name: 'an OPEN, a KEEPALIVE and a route in one segment',
    rfc,
    play: async (peer) => {
      const connection = await peer.connect();
      await connection.send(peer.octets(`${open({ identifier: 0x0a800000 })} ${keepalive} ${route(mandatory)}`));
      await peer.collector.until(() => peer.collector.route(peer.prefix) !== undefined, 'the route');
      return 'used';
    },
    reaction: 'used',
  },
  {
    name: 'a thousand KEEPALIVEs in one segment',
    rfc,
    send: keepalive.repeat(1000),
    reaction: 'untouched',
  },
  {
    name: 'a thousand KEEPALIVEs, three octets at a time',
    rfc,
    send: keepalive.repeat(1000),
    segment: 3,
    reaction: 'untouched',
  },
  {
    name: 'an UPDATE of 4096 octets byte by byte',
    rfc,
    play: (peer) =>
      prefixesAfter(peer, route(`${mandatory} ${attribute(0xc0, 99, 'ab'.repeat(4045))}`, '18 c63364'), 1),
    reaction: '198.51.100.0/24',
  },
  {
    name: 'announced and withdrawn in alternation, a hundred times in one segment',
    rfc,
    send: Array.from({ length: 100 }, () => `${whole} ${update({ withdrawn: 'P4' })}`).join(' '),
    reaction: 'withdrawn',
  },
];
