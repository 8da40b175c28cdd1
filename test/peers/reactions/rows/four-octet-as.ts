import type { Row } from '../row.ts';
import { attribute, capabilities, type Hex, mandatory, nextHop, origin, route } from '../wire.ts';

const used = 'used';
/** A session without the four-octet capability: AS_PATH and AGGREGATOR have two octets an AS number. */
const old = { open: { capabilities: [capabilities.ipv4, capabilities.routeRefresh] } } as const;
const oldRoute = (path: Hex, ...more: Hex[]) =>
  route(`${origin} ${attribute(0x40, 2, path)} ${nextHop} ${more.join(' ')}`);
const as4Path = (value: Hex, flags = 0xc0) => attribute(flags, 17, value);
const as4Aggregator = (value: Hex) => attribute(0xc0, 18, value);
const aggregator = (value: Hex) => attribute(0xc0, 7, value);
const trans = '02 02 fdea 5ba0';

/** AS4_PATH and AS4_AGGREGATOR. */
export const fourOctetAs: readonly Row[] = [
  {
    name: 'an AS4_PATH of a four-octet peer',
    rfc: 'RFC 6793 6',
    send: route(`${mandatory} ${as4Path('02 01 00020000')}`),
    reaction: used,
    has: { asPath: '65002' },
    told: { 17: null },
  },
  {
    name: 'an AS4_AGGREGATOR of a four-octet peer',
    rfc: 'RFC 6793 6',
    send: route(`${mandatory} ${as4Aggregator('00020000 c0000201')}`),
    reaction: used,
    told: { 18: null },
  },
  {
    ...old,
    name: 'an AS4_PATH in place of AS_TRANS',
    rfc: 'RFC 6793 4.2.3',
    send: oldRoute(trans, as4Path('02 02 0000fdea 00020000')),
    reaction: used,
    has: { asPath: '65002 131072' },
  },
  {
    ...old,
    name: 'an AS4_PATH shorter than the path',
    rfc: 'RFC 6793 4.2.3',
    send: oldRoute('02 03 fdea fdeb 5ba0', as4Path('02 01 00020000')),
    reaction: used,
    has: { asPath: '65002 65003 131072' },
  },
  {
    ...old,
    name: 'an AS4_PATH longer than the path',
    rfc: 'RFC 6793 4.2.3',
    send: oldRoute('02 01 fdea', as4Path('02 02 0000fdea 00020000')),
    reaction: used,
    has: { asPath: '65002' },
  },
  {
    ...old,
    name: 'an AS4_PATH of no octets',
    rfc: 'RFC 6793 6',
    send: oldRoute(trans, as4Path('')),
    reaction: used,
    has: { asPath: '65002 23456' },
  },
  {
    ...old,
    name: 'an AS4_PATH of 4 octets',
    rfc: 'RFC 6793 6',
    send: oldRoute(trans, as4Path('02 01 0002')),
    reaction: used,
    has: { asPath: '65002 23456' },
  },
  {
    ...old,
    name: 'an AS4_PATH whose segment is cut off',
    rfc: 'RFC 6793 6',
    send: oldRoute(trans, as4Path('02 03 0000fdea 00020000')),
    reaction: used,
    has: { asPath: '65002 23456' },
  },
  {
    ...old,
    name: 'an AS4_PATH with a segment of type 9',
    rfc: 'RFC 6793 6',
    send: oldRoute(trans, as4Path('09 02 0000fdea 00020000')),
    reaction: used,
    has: { asPath: '65002 23456' },
  },
  {
    ...old,
    name: 'an AS4_PATH with AS 0',
    rfc: 'RFC 7607 2',
    send: oldRoute(trans, as4Path('02 02 0000fdea 00000000')),
    reaction: used,
    has: { asPath: '65002 23456' },
  },
  {
    ...old,
    name: 'an AS4_PATH with a confederation segment, which is left out',
    rfc: 'RFC 6793 6',
    send: oldRoute(trans, as4Path('03 01 0000ffff 02 02 0000fdea 00020000')),
    reaction: used,
    has: { asPath: '65002 131072' },
  },
  {
    ...old,
    name: 'an AS4_PATH that is well-known',
    rfc: 'RFC 7606 3 c',
    send: oldRoute(trans, as4Path('02 02 0000fdea 00020000', 0x40)),
    reaction: 'withdrawn',
  },
  {
    ...old,
    name: 'an AS4_AGGREGATOR of 6 octets',
    rfc: 'RFC 6793 6',
    send: oldRoute(trans, aggregator('5ba0 c0000201'), as4Aggregator('0002 c0000201')),
    reaction: used,
    has: { aggregator: '23456 192.0.2.1' },
  },
  {
    ...old,
    name: 'an AS4_AGGREGATOR of AS 0',
    rfc: 'RFC 7607 2',
    send: oldRoute(trans, aggregator('5ba0 c0000201'), as4Aggregator('00000000 c0000201')),
    reaction: used,
    has: { aggregator: '23456 192.0.2.1' },
  },
  {
    ...old,
    name: 'an AS4_AGGREGATOR in place of AS_TRANS',
    rfc: 'RFC 6793 4.2.3',
    send: oldRoute(trans, aggregator('5ba0 c0000201'), as4Aggregator('00020000 c0000201')),
    reaction: used,
    has: { aggregator: '131072 192.0.2.1' },
  },
  {
    ...old,
    name: 'an AGGREGATOR that is not AS_TRANS, so that both AS4 attributes are stale',
    rfc: 'RFC 6793 4.2.3',
    send: oldRoute(
      trans,
      aggregator('fdeb c0000201'),
      as4Path('02 02 0000fdea 00020000'),
      as4Aggregator('00020000 c0000201'),
    ),
    reaction: used,
    has: { aggregator: '65003 192.0.2.1', asPath: '65002 23456' },
  },
  {
    ...old,
    name: 'an AGGREGATOR of 8 octets on a two-octet session',
    rfc: 'RFC 7606 7.7',
    send: oldRoute(trans, aggregator('0000fdeb c0000201')),
    reaction: used,
    lacks: ['aggregator'],
  },
  {
    ...old,
    name: 'a path of four-octet AS numbers on a two-octet session',
    rfc: 'RFC 7606 7.2',
    send: route(mandatory),
    reaction: 'withdrawn',
  },
];
