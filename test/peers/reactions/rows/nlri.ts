import { prefixesAfter } from '../outcome.ts';
import type { Row } from '../row.ts';
import { asPath, type Hex, mandatory, origin, reach6, route, update } from '../wire.ts';

const reset = 'NOTIFICATION 3/10';

/** What the peer's routes are after one UPDATE. */
const after = (name: string, rfc: string, send: Hex, reaction: string): Row => ({
  name,
  rfc,
  play: (peer) => prefixesAfter(peer, send),
  reaction,
});
const six = (nlri: Hex) => update({ attributes: `${reach6(nlri)} ${origin} ${asPath}` });

/** Prefixes. */
export const nlri: readonly Row[] = [
  { name: 'an IPv4 prefix of 33 bits', rfc: 'RFC 7606 5.3', send: route(mandatory, '21 0a00000180'), reaction: reset },
  {
    name: 'an IPv4 prefix of 255 bits',
    rfc: 'RFC 7606 5.3',
    send: route(mandatory, `ff ${'0a'.repeat(32)}`),
    reaction: reset,
  },
  { name: 'an IPv4 prefix that is cut off', rfc: 'RFC 7606 5.3', send: route(mandatory, '18 0a00'), reaction: reset },
  {
    name: 'an IPv4 prefix that is a length alone',
    rfc: 'RFC 7606 5.3',
    send: route(mandatory, 'P4 20'),
    reaction: reset,
  },
  {
    name: 'a withdrawn IPv4 prefix of 33 bits',
    rfc: 'RFC 7606 3 i',
    send: update({ withdrawn: '21 0a00000180' }),
    reaction: reset,
  },
  {
    name: 'a withdrawn IPv4 prefix that is cut off',
    rfc: 'RFC 7606 3 i',
    send: update({ withdrawn: 'P4 18 0a' }),
    reaction: reset,
  },
  {
    name: 'a bad withdrawn prefix in front of good routes',
    rfc: 'RFC 7606 3 i',
    send: update({ withdrawn: '40 0a0000000000', attributes: mandatory, nlri: 'P4' }),
    reaction: reset,
  },
  {
    name: 'a prefix that one UPDATE withdraws and announces, IPv4',
    rfc: 'RFC 4271 4.3',
    send: update({ withdrawn: 'P4', attributes: mandatory, nlri: 'P4' }),
    reaction: 'used',
  },
  {
    name: 'a prefix twice in one UPDATE',
    rfc: 'RFC 4271 4.3',
    send: route(mandatory, 'P4 P4'),
    reaction: 'used',
  },
  { name: 'a withdrawn route', rfc: 'RFC 4271 4.3', send: update({ withdrawn: 'P4' }), reaction: 'withdrawn' },
  {
    name: 'a withdrawn route that was never announced',
    rfc: 'RFC 4271 4.3',
    send: update({ withdrawn: '18 c63364' }),
    reaction: 'untouched',
  },
  {
    name: 'a withdrawn route with attributes',
    rfc: 'RFC 4271 4.3',
    send: update({ withdrawn: 'P4', attributes: mandatory }),
    reaction: 'withdrawn',
  },
  after('a prefix of 0 bits', 'RFC 4271 4.3', route(mandatory, '00'), '0.0.0.0/0'),
  after('a prefix of 32 bits', 'RFC 4271 4.3', route(mandatory, '20 c6336401'), '198.51.100.1/32'),
  after(
    'bits beyond the length of a prefix',
    'RFC 4271 4.3',
    route(mandatory, '0f c6ff 19 c63364ff'),
    '198.254.0.0/15 198.51.100.128/25',
  ),
  after(
    'a prefix announced with, and withdrawn without bits beyond its length',
    'RFC 4271 4.3',
    `${route(mandatory, '0f c6ff')} ${update({ withdrawn: '0f c6fe' })}`,
    '',
  ),
  after('an IPv6 prefix of 0 bits', 'RFC 4760 5', six('00'), '::/0'),
  after('an IPv6 prefix of 128 bits', 'RFC 4760 5', six('80 20010db8000000000000000000000001'), '2001:db8::1/128'),
  after('bits beyond the length of an IPv6 prefix', 'RFC 4760 5', six('21 20010db8ff'), '2001:db8:8000::/33'),
  after('a multicast prefix beside a good one', 'RFC 4271 6.3', route(mandatory, '04 e0 18 c63364'), '198.51.100.0/24'),
  after('a multicast host', 'RFC 4271 6.3', route(mandatory, '20 e0000005'), ''),
  after('a loopback prefix', 'RFC 4271 6.3', route(mandatory, '08 7f'), ''),
  after('an IPv6 multicast prefix beside a good one', 'RFC 4271 6.3', six('08 ff 20 20010db8'), '2001:db8::/32'),
  after('an IPv6 link-local prefix', 'RFC 4271 6.3', six('0a fe80'), ''),
  after(
    'as many prefixes as an UPDATE holds',
    'RFC 4271 4.1',
    route(mandatory, '18 c63364'.repeat(Math.floor((4096 - 23 - 20) / 4))),
    '198.51.100.0/24',
  ),
];
