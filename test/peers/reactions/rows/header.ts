import type { Row } from '../row.ts';
import { keepalive, mandatory, marker, message, rawMessage, types, update } from '../wire.ts';

const rfc = 'RFC 4271 6.1';

/** Headers that are wrong. */
export const header: readonly Row[] = [
  {
    name: 'a marker whose first octet is not all ones',
    rfc,
    send: `00 ${marker.slice(2)} 0013 04`,
    reaction: 'NOTIFICATION 1/1',
  },
  {
    name: 'a marker whose last octet is not all ones',
    rfc,
    send: `${marker.slice(2)} fe 0013 04`,
    reaction: 'NOTIFICATION 1/1',
  },
  {
    name: 'a marker of zeros in OpenSent',
    rfc,
    state: 'OpenSent',
    send: `${'00'.repeat(16)} 0013 04`,
    reaction: 'NOTIFICATION 1/1',
  },
  {
    name: 'text that is no BGP at all',
    rfc,
    state: 'OpenSent',
    send: Buffer.from('GET / HTTP/1.1\r\nHost: router\r\n\r\n').toString('hex'),
    reaction: 'NOTIFICATION 1/1',
  },
  { name: 'a length of 0', rfc, send: rawMessage(0, 4), reaction: 'NOTIFICATION 1/2 0000' },
  { name: 'a length of 18', rfc, send: rawMessage(18, 4), reaction: 'NOTIFICATION 1/2 0012' },
  { name: 'a length of 4097', rfc, send: rawMessage(4097, 2), reaction: 'NOTIFICATION 1/2 1001' },
  { name: 'a length of 65535', rfc, send: rawMessage(65535, 2), reaction: 'NOTIFICATION 1/2 ffff' },
  {
    name: 'a length of 4097 in OpenSent',
    rfc,
    state: 'OpenSent',
    send: rawMessage(4097, 1),
    reaction: 'NOTIFICATION 1/2 1001',
  },
  { name: 'a KEEPALIVE of 20 octets', rfc, send: message(types.keepalive, '00'), reaction: 'NOTIFICATION 1/2 0014' },
  { name: 'a KEEPALIVE of 4096 octets', rfc, send: rawMessage(4096, 4), reaction: 'NOTIFICATION 1/2 1000' },
  { name: 'an UPDATE of 22 octets', rfc, send: message(types.update, '000000'), reaction: 'NOTIFICATION 1/2 0016' },
  { name: 'an UPDATE of 19 octets', rfc, send: message(types.update), reaction: 'NOTIFICATION 1/2 0013' },
  {
    name: 'an OPEN of 28 octets',
    rfc,
    state: 'OpenSent',
    send: message(types.open, '04 fdea 005a 0a800001'),
    reaction: 'NOTIFICATION 1/2 001c',
  },
  {
    name: 'an OPEN of 19 octets',
    rfc,
    state: 'OpenSent',
    send: message(types.open),
    reaction: 'NOTIFICATION 1/2 0013',
  },
  {
    name: 'a NOTIFICATION of 20 octets',
    rfc,
    send: message(types.notification, '06'),
    reaction: 'NOTIFICATION 1/2 0014',
  },
  {
    name: 'a ROUTE-REFRESH of 22 octets',
    rfc,
    send: message(types.routeRefresh, '0001 00'),
    reaction: 'NOTIFICATION 1/2 0016',
  },
  { name: 'message type 0', rfc, send: message(0), reaction: 'NOTIFICATION 1/3 00' },
  { name: 'message type 6', rfc, send: message(6), reaction: 'NOTIFICATION 1/3 06' },
  { name: 'message type 255', rfc, send: message(255, '00000000'), reaction: 'NOTIFICATION 1/3 ff' },
  {
    name: 'message type 9 in OpenSent',
    rfc,
    state: 'OpenSent',
    send: message(9),
    reaction: 'NOTIFICATION 1/3 09',
  },
  {
    name: 'message type 9 in OpenConfirm',
    rfc,
    state: 'OpenConfirm',
    send: message(9),
    reaction: 'NOTIFICATION 1/3 09',
  },
  {
    name: 'a bad marker behind a good UPDATE in one segment',
    rfc,
    send: `${update({ attributes: mandatory, nlri: 'P4' })} ${'fe'.repeat(16)} 0013 04`,
    reaction: 'NOTIFICATION 1/1',
  },
  {
    name: 'a length of 18 behind a good KEEPALIVE, byte by byte',
    rfc,
    send: `${keepalive} ${rawMessage(18, 4)}`,
    segment: 1,
    reaction: 'NOTIFICATION 1/2 0012',
  },
];
