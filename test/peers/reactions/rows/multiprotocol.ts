import type { Row } from '../row.ts';
import { asPath, attribute, type Hex, mandatory, nextHop6, origin, reach6, route, unreach6, update } from '../wire.ts';

const reset = 'NOTIFICATION 3/9';
const used = 'used';
const reach = (value: Hex, flags = 0x80) =>
  update({ attributes: `${attribute(flags, 14, value)} ${origin} ${asPath}` });
const unreach = (value: Hex, flags = 0x80) => update({ attributes: attribute(flags, 15, value) });
const linkLocal = 'fe800000000000000000000000000001';
const hop = (name: string, value: Hex): Row => ({
  name: `an IPv6 next hop of ${name}`,
  rfc: 'RFC 4760 3',
  send: update({ attributes: `${reach6('P6', value)} ${origin} ${asPath}` }),
  reaction: 'unused',
});

/** MP_REACH_NLRI and MP_UNREACH_NLRI. */
export const multiprotocol: readonly Row[] = [
  { name: 'an MP_REACH_NLRI of no octets', rfc: 'RFC 7606 7.11', send: reach(''), reaction: reset },
  { name: 'an MP_REACH_NLRI of 4 octets', rfc: 'RFC 7606 7.11', send: reach('0002 01 00'), reaction: reset },
  {
    name: 'a next hop past the end of MP_REACH_NLRI',
    rfc: 'RFC 7606 7.11',
    send: reach('0002 01 20 20010db8'),
    reaction: reset,
  },
  {
    name: 'an MP_REACH_NLRI that ends with its next hop',
    rfc: 'RFC 7606 7.11',
    send: reach(`0002 01 10 ${nextHop6}`),
    reaction: reset,
  },
  { name: 'an IPv6 next hop of no octets', rfc: 'RFC 7606 7.11', send: reach('0002 01 00 00 P6'), reaction: reset },
  {
    name: 'an IPv6 next hop of 4 octets',
    rfc: 'RFC 7606 7.11',
    send: reach('0002 01 04 c0000201 00 P6'),
    reaction: reset,
  },
  {
    name: 'an IPv6 next hop of 24 octets',
    rfc: 'RFC 7606 7.11',
    send: reach(`0002 01 18 ${nextHop6} 0000000000000000 00 P6`),
    reaction: reset,
  },
  {
    name: 'an IPv6 next hop of 255 octets',
    rfc: 'RFC 7606 7.11',
    send: reach(`0002 01 ff ${'20'.repeat(255)} 00 P6`),
    reaction: reset,
  },
  {
    name: 'an IPv6 prefix of 129 bits',
    rfc: 'RFC 7606 5.3',
    send: reach(`0002 01 10 ${nextHop6} 00 81 ${'00'.repeat(17)}`),
    reaction: reset,
  },
  {
    name: 'an IPv6 prefix that is cut off',
    rfc: 'RFC 7606 5.3',
    send: reach(`0002 01 10 ${nextHop6} 00 40 20010db8`),
    reaction: reset,
  },
  {
    name: 'an IPv6 prefix that is cut off behind a good one',
    rfc: 'RFC 7606 5.3',
    send: reach(`0002 01 10 ${nextHop6} 00 P6 30 2001`),
    reaction: reset,
  },
  {
    name: 'an MP_REACH_NLRI past the end of the attributes',
    rfc: 'RFC 7606 5.3',
    send: update({ attributes: `${origin} ${asPath} 80 0e 40 0002 01 10 ${nextHop6} 00` }),
    reaction: reset,
  },
  { name: 'an MP_UNREACH_NLRI of no octets', rfc: 'RFC 7606 7.12', send: unreach(''), reaction: reset },
  { name: 'an MP_UNREACH_NLRI of 2 octets', rfc: 'RFC 7606 7.12', send: unreach('0002'), reaction: reset },
  {
    name: 'a withdrawn IPv6 prefix of 129 bits',
    rfc: 'RFC 7606 5.3',
    send: unreach(`0002 01 81 ${'00'.repeat(17)}`),
    reaction: reset,
  },
  {
    name: 'a withdrawn IPv6 prefix that is cut off',
    rfc: 'RFC 7606 5.3',
    send: unreach('0002 01 P6 40 20010db8'),
    reaction: reset,
  },
  {
    name: 'an MP_REACH_NLRI that is transitive',
    rfc: 'RFC 7606 3 c',
    send: reach(`0002 01 10 ${nextHop6} 00 P6`, 0xc0),
    reaction: 'withdrawn',
  },
  {
    name: 'an MP_REACH_NLRI that is well-known',
    rfc: 'RFC 7606 3 c',
    send: reach(`0002 01 10 ${nextHop6} 00 P6`, 0x40),
    reaction: 'withdrawn',
  },
  {
    name: 'a reserved octet that is not 0',
    rfc: 'RFC 4760 3',
    send: reach(`0002 01 10 ${nextHop6} ff P6`),
    reaction: used,
  },
  {
    name: 'a link-local next hop behind the global one',
    rfc: 'RFC 2545 3',
    send: reach(`0002 01 20 ${nextHop6} ${linkLocal} 00 P6`),
    reaction: used,
    has: { nextHop: '2001:db8:ffff::1' },
  },
  hop('all zeros', '00'.repeat(16)),
  hop('a multicast address', `ff02${'00'.repeat(13)}01`),
  hop('the loopback address', `${'00'.repeat(15)}01`),
  {
    name: 'an IPv6 route without ORIGIN',
    rfc: 'RFC 7606 3 d',
    send: update({ attributes: `${reach6()} ${asPath}` }),
    reaction: 'withdrawn',
  },
  {
    name: 'an IPv6 route without AS_PATH',
    rfc: 'RFC 7606 3 d',
    send: update({ attributes: `${reach6()} ${origin}` }),
    reaction: 'withdrawn',
  },
  {
    name: 'an IPv6 route with a malformed MULTI_EXIT_DISC',
    rfc: 'RFC 7606 7.4',
    send: update({ attributes: `${reach6()} ${origin} ${asPath} ${attribute(0x80, 4, '00')}` }),
    reaction: 'withdrawn',
  },
  {
    name: 'an IPv6 route with a NEXT_HOP, which is ignored',
    rfc: 'RFC 4760 3',
    send: update({ attributes: `${reach6()} ${mandatory}` }),
    reaction: used,
    has: { nextHop: '2001:db8:ffff::1' },
  },
  {
    name: 'MP_REACH_NLRI as the last attribute',
    rfc: 'RFC 7606 5.1',
    send: update({ attributes: `${origin} ${asPath} ${reach6()}` }),
    reaction: used,
  },
  {
    name: 'a prefix that one UPDATE withdraws and announces',
    rfc: 'RFC 4760 4',
    send: update({ attributes: `${unreach6()} ${reach6()} ${origin} ${asPath}` }),
    reaction: used,
  },
  {
    name: 'a withdrawn IPv6 route',
    rfc: 'RFC 4760 4',
    send: update({ attributes: unreach6() }),
    reaction: 'withdrawn',
  },
  {
    name: 'an IPv4 route in MP_REACH_NLRI',
    rfc: 'RFC 4760 3',
    send: update({ attributes: `${attribute(0x80, 14, '0001 01 04 c0000209 00 P4')} ${origin} ${asPath}` }),
    reaction: used,
    has: { nextHop: '192.0.2.9' },
  },
  {
    name: 'an IPv4 route withdrawn in MP_UNREACH_NLRI',
    rfc: 'RFC 4760 4',
    send: update({ attributes: attribute(0x80, 15, '0001 01 P4') }),
    reaction: 'withdrawn',
  },
  {
    name: 'an IPv4 route in MP_REACH_NLRI with an IPv6 next hop that was not agreed on',
    rfc: 'RFC 8950 4',
    send: update({ attributes: `${attribute(0x80, 14, `0001 01 10 ${nextHop6} 00 P4`)} ${origin} ${asPath}` }),
    reaction: reset,
  },
  {
    name: 'a route of a family that was not agreed on',
    rfc: 'RFC 4760 8',
    peer: { spec: { families: ['ipv4Unicast'] } },
    send: route(`${reach6('30 20010db8ffff')} ${mandatory}`),
    reaction: used,
  },
  {
    name: 'a route of a family that nobody here knows',
    rfc: 'RFC 4760 8',
    send: route(`${attribute(0x80, 14, '0019 46 04 c0000201 00 02 19 0000')} ${mandatory}`),
    reaction: used,
  },
  {
    name: 'an End-of-RIB of a family that nobody here knows',
    rfc: 'RFC 4724 2',
    send: update({ attributes: attribute(0x80, 15, '4004 47') }),
    reaction: 'untouched',
  },
  {
    name: 'an End-of-RIB of IPv6',
    rfc: 'RFC 4724 2',
    send: update({ attributes: unreach6('') }),
    reaction: 'untouched',
  },
  { name: 'an End-of-RIB of IPv4', rfc: 'RFC 4724 2', send: update({}), reaction: 'untouched' },
  {
    name: 'a hundred Ends-of-RIB',
    rfc: 'RFC 4724 2',
    send: Array.from({ length: 100 }, () => update({})).join(' '),
    reaction: 'untouched',
  },
];
