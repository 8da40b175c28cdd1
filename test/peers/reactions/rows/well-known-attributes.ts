import type { Row } from '../row.ts';
import { asPath, attribute, emptyPath, type Hex, localPref, mandatory, nextHop, origin, route } from '../wire.ts';

const internal = { asNumber: 65001 } as const;
const withdrawn = 'withdrawn';
const used = 'used';
const withOrigin = (flags: number, value: Hex) => route(`${attribute(flags, 1, value)} ${asPath} ${nextHop}`);
const withPath = (value: Hex, flags = 0x40) => route(`${origin} ${attribute(flags, 2, value)} ${nextHop}`);
const withHop = (value: Hex, flags = 0x40) => route(`${origin} ${asPath} ${attribute(flags, 3, value)}`);
const hop = (name: string, value: Hex): Row => ({
  name: `a NEXT_HOP of ${name}`,
  rfc: 'RFC 4271 6.3',
  send: withHop(value),
  reaction: 'unused',
});

export const originAttribute: readonly Row[] = [
  { name: 'an ORIGIN of 3', rfc: 'RFC 7606 7.1', send: withOrigin(0x40, '03'), reaction: withdrawn },
  { name: 'an ORIGIN of 255', rfc: 'RFC 7606 7.1', send: withOrigin(0x40, 'ff'), reaction: withdrawn },
  { name: 'an ORIGIN of no octets', rfc: 'RFC 7606 7.1', send: withOrigin(0x40, ''), reaction: withdrawn },
  { name: 'an ORIGIN of 2 octets', rfc: 'RFC 7606 7.1', send: withOrigin(0x40, '0000'), reaction: withdrawn },
  {
    name: 'an ORIGIN of 300 octets',
    rfc: 'RFC 7606 7.1',
    send: withOrigin(0x40, '00'.repeat(300)),
    reaction: withdrawn,
  },
  { name: 'an ORIGIN that is optional', rfc: 'RFC 7606 3 c', send: withOrigin(0xc0, '00'), reaction: withdrawn },
  { name: 'an ORIGIN that is not transitive', rfc: 'RFC 7606 3 c', send: withOrigin(0x00, '00'), reaction: withdrawn },
  {
    name: 'an ORIGIN with the unused flags set',
    rfc: 'RFC 4271 4.3',
    send: withOrigin(0x4f, '01'),
    reaction: used,
    told: { 1: '40 01' },
  },
  {
    name: 'an ORIGIN with a length of two octets',
    rfc: 'RFC 4271 4.3',
    send: route(`50 01 0001 02 ${asPath} ${nextHop}`),
    reaction: used,
    told: { 1: '40 02' },
  },
  { name: 'no ORIGIN', rfc: 'RFC 7606 3 d', send: route(`${asPath} ${nextHop}`), reaction: withdrawn },
];

export const asPathAttribute: readonly Row[] = [
  { name: 'a segment of type 0', rfc: 'RFC 7606 7.2', send: withPath('00 01 0000fdea'), reaction: withdrawn },
  { name: 'a segment of type 5', rfc: 'RFC 7606 7.2', send: withPath('05 01 0000fdea'), reaction: withdrawn },
  {
    name: 'a segment of type 255 behind a good one',
    rfc: 'RFC 7606 7.2',
    send: withPath('02 01 0000fdea ff 01 0000fdeb'),
    reaction: withdrawn,
  },
  { name: 'a segment that is cut off', rfc: 'RFC 7606 7.2', send: withPath('02 02 0000fdea'), reaction: withdrawn },
  { name: 'an AS number that is cut off', rfc: 'RFC 7606 7.2', send: withPath('02 01 0000fd'), reaction: withdrawn },
  {
    name: 'one octet behind the last segment',
    rfc: 'RFC 7606 7.2',
    send: withPath('02 01 0000fdea 02'),
    reaction: withdrawn,
  },
  { name: 'a segment of no AS numbers', rfc: 'RFC 7606 7.2', send: withPath('02 00'), reaction: withdrawn },
  {
    name: 'a segment of no AS numbers behind a good one',
    rfc: 'RFC 7606 7.2',
    send: withPath('02 01 0000fdea 01 00'),
    reaction: withdrawn,
  },
  {
    name: 'a path of two-octet AS numbers on a four-octet session',
    rfc: 'RFC 7606 7.2',
    send: withPath('02 01 fdea'),
    reaction: withdrawn,
  },
  { name: 'AS 0 as the only one', rfc: 'RFC 7607 2', send: withPath('02 01 00000000'), reaction: withdrawn },
  {
    name: 'AS 0 in the middle',
    rfc: 'RFC 7607 2',
    send: withPath('02 03 0000fdea 00000000 0000fdeb'),
    reaction: withdrawn,
  },
  {
    name: 'AS 0 in a set',
    rfc: 'RFC 7607 2',
    send: withPath('02 01 0000fdea 01 02 00000000 0000fdeb'),
    reaction: withdrawn,
  },
  {
    name: 'an AS_PATH that is optional',
    rfc: 'RFC 7606 3 c',
    send: withPath('02 01 0000fdea', 0xc0),
    reaction: withdrawn,
  },
  {
    name: 'an AS_PATH that is not transitive',
    rfc: 'RFC 7606 3 c',
    send: withPath('02 01 0000fdea', 0x00),
    reaction: withdrawn,
  },
  { name: 'no AS_PATH', rfc: 'RFC 7606 3 d', send: route(`${origin} ${nextHop}`), reaction: withdrawn },
  { name: 'an empty AS_PATH of an external peer', rfc: 'RFC 4271 6.3', send: withPath(''), reaction: withdrawn },
  {
    name: 'a path that begins with another AS',
    rfc: 'RFC 4271 6.3',
    send: withPath('02 02 0000fdeb 0000fdea'),
    reaction: withdrawn,
  },
  {
    name: 'a path that begins with a set',
    rfc: 'RFC 4271 6.3',
    send: withPath('01 01 0000fdea'),
    reaction: withdrawn,
  },
  {
    name: 'a confederation sequence in front',
    rfc: 'RFC 5065 5',
    send: withPath('03 01 0000fdea 02 01 0000fdea'),
    reaction: withdrawn,
  },
  {
    name: 'a confederation sequence behind',
    rfc: 'RFC 5065 5',
    send: withPath('02 01 0000fdea 03 01 0000fdeb'),
    reaction: withdrawn,
  },
  {
    name: 'a confederation set behind',
    rfc: 'RFC 5065 5',
    send: withPath('02 01 0000fdea 04 01 0000fdeb'),
    reaction: withdrawn,
  },
  {
    name: 'a confederation sequence from an internal peer',
    rfc: 'RFC 5065 5',
    peer: internal,
    send: route(`${origin} ${attribute(0x40, 2, '03 01 0000fdeb')} ${nextHop} ${localPref}`),
    reaction: withdrawn,
  },
  {
    name: 'our own AS in the path',
    rfc: 'RFC 4271 9.1.2',
    send: withPath('02 03 0000fdea 0000fde9 0000fdeb'),
    reaction: 'unused',
  },
  {
    name: 'our own AS in a set',
    rfc: 'RFC 4271 9.1.2',
    send: withPath('02 01 0000fdea 01 02 0000fdeb 0000fde9'),
    reaction: 'unused',
  },
  {
    name: 'a set behind a sequence',
    rfc: 'RFC 4271 4.3',
    send: withPath('02 01 0000fdea 01 02 0000fdeb 0000fdec'),
    reaction: used,
    has: { asPath: '65002 {65003 65004}' },
  },
  {
    name: 'a path of 255 AS numbers in one segment, to which one more is put',
    rfc: 'RFC 4271 5.1.2',
    send: withPath(`02 ff ${'0000fdea'.repeat(255)}`),
    reaction: used,
    told: { 2: `50 02010000fde902ff${'0000fdea'.repeat(255)}` },
  },
  {
    name: 'a path of AS numbers up to the greatest',
    rfc: 'RFC 6793 4.1',
    send: withPath('02 03 0000fdea ffffffff 00010000'),
    reaction: used,
    has: { asPath: '65002 4294967295 65536' },
  },
  {
    name: 'an empty path of an internal peer',
    rfc: 'RFC 4271 5.1.2',
    peer: internal,
    send: route(`${origin} ${emptyPath} ${nextHop} ${localPref}`),
    reaction: used,
    told: { 2: '40 02010000fde9' },
  },
];

export const nextHopAttribute: readonly Row[] = [
  { name: 'a NEXT_HOP of 3 octets', rfc: 'RFC 7606 7.3', send: withHop('c00002'), reaction: withdrawn },
  { name: 'a NEXT_HOP of 5 octets', rfc: 'RFC 7606 7.3', send: withHop('c000020100'), reaction: withdrawn },
  { name: 'a NEXT_HOP of no octets', rfc: 'RFC 7606 7.3', send: withHop(''), reaction: withdrawn },
  { name: 'a NEXT_HOP of 16 octets', rfc: 'RFC 7606 7.3', send: withHop('00'.repeat(16)), reaction: withdrawn },
  { name: 'a NEXT_HOP that is optional', rfc: 'RFC 7606 3 c', send: withHop('c0000201', 0xc0), reaction: withdrawn },
  { name: 'a NEXT_HOP that is not transitive', rfc: 'RFC 7606 3 c', send: withHop('c0000201', 0), reaction: withdrawn },
  { name: 'no NEXT_HOP', rfc: 'RFC 7606 3 d', send: route(`${origin} ${asPath}`), reaction: withdrawn },
  hop('0.0.0.0', '00000000'),
  hop('255.255.255.255', 'ffffffff'),
  hop('a multicast address', 'e0000005'),
  hop('a reserved address', 'f0000001'),
  hop('the address of the receiver', '7f000001'),
  hop('another loopback address', '7f010203'),
  {
    name: 'a plain route',
    rfc: 'RFC 4271 5',
    send: route(mandatory),
    reaction: used,
    told: { 1: '40 00', 2: '40 02020000fde90000fdea' },
  },
];
