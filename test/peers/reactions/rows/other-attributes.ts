import type { Row } from '../row.ts';
import {
  attribute,
  emptyPath,
  type Hex,
  localPref,
  mandatory,
  mandatoryInternal,
  nextHop,
  origin,
  route,
} from '../wire.ts';

const internal = { asNumber: 65001 } as const;
const withdrawn = 'withdrawn';
const used = 'used';
const also = (flags: number, code: number, value: Hex) => route(`${mandatory} ${attribute(flags, code, value)}`);
const inside = (flags: number, code: number, value: Hex) =>
  route(`${mandatoryInternal} ${attribute(flags, code, value)}`);
const preferred = (flags: number, value: Hex) =>
  route(`${origin} ${emptyPath} ${nextHop} ${attribute(flags, 5, value)}`);

/** MULTI_EXIT_DISC, LOCAL_PREF, ATOMIC_AGGREGATE, AGGREGATOR. */
export const optionalAttributes: readonly Row[] = [
  { name: 'a MULTI_EXIT_DISC of 3 octets', rfc: 'RFC 7606 7.4', send: also(0x80, 4, '000001'), reaction: withdrawn },
  {
    name: 'a MULTI_EXIT_DISC of 5 octets',
    rfc: 'RFC 7606 7.4',
    send: also(0x80, 4, '0000000001'),
    reaction: withdrawn,
  },
  { name: 'a MULTI_EXIT_DISC of no octets', rfc: 'RFC 7606 7.4', send: also(0x80, 4, ''), reaction: withdrawn },
  {
    name: 'a MULTI_EXIT_DISC that is transitive',
    rfc: 'RFC 7606 3 c',
    send: also(0xc0, 4, '00000001'),
    reaction: withdrawn,
  },
  {
    name: 'a MULTI_EXIT_DISC that is well-known',
    rfc: 'RFC 7606 3 c',
    send: also(0x40, 4, '00000001'),
    reaction: withdrawn,
  },
  {
    name: 'a MULTI_EXIT_DISC, which is not passed on to another AS',
    rfc: 'RFC 4271 5.1.4',
    send: also(0x80, 4, 'ffffffff'),
    reaction: used,
    has: { med: '4294967295' },
    told: { 4: null },
  },
  {
    name: 'a LOCAL_PREF of an external peer',
    rfc: 'RFC 7606 7.5',
    send: also(0x40, 5, '000003e7'),
    reaction: used,
    lacks: ['localPref'],
    told: { 5: null },
  },
  {
    name: 'a LOCAL_PREF of 1 octet of an external peer',
    rfc: 'RFC 7606 7.5',
    send: also(0x40, 5, '00'),
    reaction: used,
    lacks: ['localPref'],
  },
  {
    name: 'a LOCAL_PREF of 3 octets',
    rfc: 'RFC 7606 7.5',
    peer: internal,
    send: preferred(0x40, '000064'),
    reaction: withdrawn,
  },
  {
    name: 'a LOCAL_PREF of 8 octets',
    rfc: 'RFC 7606 7.5',
    peer: internal,
    send: preferred(0x40, '0000006400000064'),
    reaction: withdrawn,
  },
  {
    name: 'a LOCAL_PREF that is optional',
    rfc: 'RFC 7606 3 c',
    peer: internal,
    send: preferred(0xc0, '00000064'),
    reaction: withdrawn,
  },
  {
    name: 'a LOCAL_PREF of an internal peer',
    rfc: 'RFC 4271 5.1.5',
    peer: internal,
    send: preferred(0x40, '000000c8'),
    reaction: used,
    has: { localPref: '200' },
    told: { 5: null },
  },
  {
    name: 'an ATOMIC_AGGREGATE of 1 octet',
    rfc: 'RFC 7606 7.6',
    send: also(0x40, 6, '00'),
    reaction: used,
    lacks: ['atomicAggregate'],
    told: { 6: null },
  },
  { name: 'an ATOMIC_AGGREGATE that is optional', rfc: 'RFC 7606 3 c', send: also(0xc0, 6, ''), reaction: withdrawn },
  { name: 'an ATOMIC_AGGREGATE', rfc: 'RFC 4271 5.1.6', send: also(0x40, 6, ''), reaction: used, told: { 6: '40 ' } },
  {
    name: 'an AGGREGATOR of 6 octets on a four-octet session',
    rfc: 'RFC 7606 7.7',
    send: also(0xc0, 7, 'fdeb c0000201'),
    reaction: used,
    lacks: ['aggregator'],
    told: { 7: null },
  },
  {
    name: 'an AGGREGATOR of no octets',
    rfc: 'RFC 7606 7.7',
    send: also(0xc0, 7, ''),
    reaction: used,
    lacks: ['aggregator'],
  },
  {
    name: 'an AGGREGATOR of AS 0',
    rfc: 'RFC 7607 2',
    send: also(0xc0, 7, '00000000 c0000201'),
    reaction: used,
    lacks: ['aggregator'],
  },
  {
    name: 'an AGGREGATOR that is well-known',
    rfc: 'RFC 7606 3 c',
    send: also(0x40, 7, '0000fdeb c0000201'),
    reaction: withdrawn,
  },
  {
    name: 'an AGGREGATOR that is not transitive',
    rfc: 'RFC 7606 3 c',
    send: also(0x80, 7, '0000fdeb c0000201'),
    reaction: withdrawn,
  },
  {
    name: 'an AGGREGATOR that came with the Partial bit',
    rfc: 'RFC 4271 5',
    send: also(0xe0, 7, '0000fdeb c0000201'),
    reaction: used,
    told: { 7: 'e0 0000fdebc0000201' },
  },
];

/** ORIGINATOR_ID and CLUSTER_LIST. */
export const reflectionAttributes: readonly Row[] = [
  {
    name: 'an ORIGINATOR_ID of an external peer',
    rfc: 'RFC 7606 7.9',
    send: also(0x80, 9, '0a000009'),
    reaction: used,
    lacks: ['originatorId'],
  },
  {
    name: 'an ORIGINATOR_ID of 5 octets of an external peer',
    rfc: 'RFC 7606 7.9',
    send: also(0x80, 9, '0a00000900'),
    reaction: used,
    lacks: ['originatorId'],
  },
  {
    name: 'an ORIGINATOR_ID of 3 octets',
    rfc: 'RFC 7606 7.9',
    peer: internal,
    send: inside(0x80, 9, '0a0000'),
    reaction: withdrawn,
  },
  {
    name: 'an ORIGINATOR_ID of no octets',
    rfc: 'RFC 7606 7.9',
    peer: internal,
    send: inside(0x80, 9, ''),
    reaction: withdrawn,
  },
  {
    name: 'an ORIGINATOR_ID that is transitive',
    rfc: 'RFC 7606 3 c',
    peer: internal,
    send: inside(0xc0, 9, '0a000009'),
    reaction: withdrawn,
  },
  {
    name: 'an ORIGINATOR_ID that is ours',
    rfc: 'RFC 4456 8',
    peer: internal,
    send: inside(0x80, 9, '0a000001'),
    reaction: 'unused',
  },
  {
    name: 'a CLUSTER_LIST of an external peer',
    rfc: 'RFC 7606 7.10',
    send: also(0x80, 10, '0a000009'),
    reaction: used,
    lacks: ['clusterList'],
  },
  {
    name: 'a CLUSTER_LIST of 3 octets of an external peer',
    rfc: 'RFC 7606 7.10',
    send: also(0x80, 10, '0a0000'),
    reaction: used,
    lacks: ['clusterList'],
  },
  {
    name: 'a CLUSTER_LIST of 6 octets',
    rfc: 'RFC 7606 7.10',
    peer: internal,
    send: inside(0x80, 10, '0a0000090a00'),
    reaction: withdrawn,
  },
  {
    name: 'a CLUSTER_LIST of no octets',
    rfc: 'RFC 7606 7.10',
    peer: internal,
    send: inside(0x80, 10, ''),
    reaction: withdrawn,
  },
  {
    name: 'a CLUSTER_LIST that is well-known',
    rfc: 'RFC 7606 3 c',
    peer: internal,
    send: inside(0x40, 10, '0a000009'),
    reaction: withdrawn,
  },
  {
    name: 'a CLUSTER_LIST with our identifier',
    rfc: 'RFC 4456 8',
    peer: internal,
    send: inside(0x80, 10, '0a000009 0a000001'),
    reaction: 'unused',
  },
  {
    name: 'a reflected route, passed on to another AS without the marks of reflection',
    rfc: 'RFC 4456 8',
    peer: internal,
    send: route(
      `${origin} ${emptyPath} ${nextHop} ${localPref} ${attribute(0x80, 9, '0a000009')} ${attribute(0x80, 10, '0a000008')}`,
    ),
    reaction: used,
    has: { originatorId: '10.0.0.9', clusterList: '10.0.0.8' },
    told: { 9: null, 10: null },
  },
];
