import type { Row } from '../row.ts';
import { attribute, type Hex, mandatory, route } from '../wire.ts';

const withdrawn = 'withdrawn';
const used = 'used';
const also = (flags: number, code: number, value: Hex) => route(`${mandatory} ${attribute(flags, code, value)}`);

/** Each kind: its code, the octets of one, and who says what a malformed one leads to. */
const kinds = [
  { name: 'COMMUNITIES', code: 8, width: 4, rfc: 'RFC 7606 7.8' },
  { name: 'EXTENDED COMMUNITIES', code: 16, width: 8, rfc: 'RFC 7606 7.14' },
  { name: 'IPv6 EXTENDED COMMUNITIES', code: 25, width: 20, rfc: 'RFC 7606 7.15' },
  { name: 'LARGE_COMMUNITY', code: 32, width: 12, rfc: 'RFC 8092 6' },
];

const malformed: Row[] = kinds.flatMap(({ name, code, width, rfc }) => [
  { name: `${name} of no octets`, rfc, send: also(0xc0, code, ''), reaction: withdrawn },
  { name: `${name} of ${width - 1} octets`, rfc, send: also(0xc0, code, '01'.repeat(width - 1)), reaction: withdrawn },
  { name: `${name} of ${width + 1} octets`, rfc, send: also(0xc0, code, '01'.repeat(width + 1)), reaction: withdrawn },
  {
    name: `${name} that is well-known`,
    rfc: 'RFC 7606 3 c',
    send: also(0x40, code, '01'.repeat(width)),
    reaction: withdrawn,
  },
  {
    name: `${name} that is not transitive`,
    rfc: 'RFC 7606 3 c',
    send: also(0x80, code, '01'.repeat(width)),
    reaction: withdrawn,
  },
  {
    name: `${name} that came with the Partial bit`,
    rfc: 'RFC 4271 5',
    send: also(0xe0, code, '01'.repeat(width)),
    reaction: used,
    told: { [code]: `e0 ${'01'.repeat(width)}` },
  },
]);

export const communities: readonly Row[] = [
  ...malformed,
  {
    name: 'COMMUNITIES of 300 octets',
    rfc: 'RFC 1997',
    send: also(0xc0, 8, 'fdea0001'.repeat(75)),
    reaction: used,
    told: { 8: `d0 ${'fdea0001'.repeat(75)}` },
  },
  { name: 'NO_EXPORT', rfc: 'RFC 1997', send: also(0xc0, 8, 'ffffff01'), reaction: 'used, not passed on' },
  { name: 'NO_ADVERTISE', rfc: 'RFC 1997', send: also(0xc0, 8, 'ffffff02'), reaction: 'used, not passed on' },
  { name: 'NO_EXPORT_SUBCONFED', rfc: 'RFC 1997', send: also(0xc0, 8, 'ffffff03'), reaction: 'used, not passed on' },
  {
    name: 'a reserved community that nobody has defined',
    rfc: 'RFC 1997',
    send: also(0xc0, 8, 'ffffff77'),
    reaction: used,
    told: { 8: 'c0 ffffff77' },
  },
  {
    name: 'an extended community of an unknown type',
    rfc: 'RFC 7606 7.14',
    send: also(0xc0, 16, '3fff010203040506'),
    reaction: used,
    told: { 16: 'c0 3fff010203040506' },
  },
  {
    name: 'large communities of which two are equal',
    rfc: 'RFC 8092 3',
    send: also(0xc0, 32, '0000fdea0000000100000002 0000fdea0000000300000004 0000fdea0000000100000002'),
    reaction: used,
    told: { 32: 'c0 0000fdea00000001000000020000fdea0000000300000004' },
  },
];
