import type { Row } from '../row.ts';
import { capabilities, open } from '../wire.ts';

const { ipv4, fourOctetAs } = capabilities;
const as4 = fourOctetAs(65002);

const sent = { state: 'OpenSent' } as const;
const established = 'established';

/** OPENs that are refused, and odd ones that are not. */
export const openMessage: readonly Row[] = [
  { ...sent, name: 'version 3', rfc: 'RFC 4271 6.2', send: open({ version: 3 }), reaction: 'NOTIFICATION 2/1 0004' },
  { ...sent, name: 'version 5', rfc: 'RFC 4271 6.2', send: open({ version: 5 }), reaction: 'NOTIFICATION 2/1 0004' },
  { ...sent, name: 'version 0', rfc: 'RFC 4271 6.2', send: open({ version: 0 }), reaction: 'NOTIFICATION 2/1 0004' },
  { ...sent, name: 'another AS', rfc: 'RFC 4271 6.2', send: open({ asNumber: 65099 }), reaction: 'NOTIFICATION 2/2' },
  {
    ...sent,
    name: 'another AS, in the two-octet field alone',
    rfc: 'RFC 4271 6.2',
    send: open({ asNumber: 65099, capabilities: [ipv4] }),
    reaction: 'NOTIFICATION 2/2',
  },
  {
    ...sent,
    name: 'another AS, in the capability alone',
    rfc: 'RFC 6793 4.1',
    send: open({ capabilities: [ipv4, fourOctetAs(131072)] }),
    reaction: 'NOTIFICATION 2/2',
  },
  {
    ...sent,
    name: 'AS 0',
    rfc: 'RFC 7607 2',
    send: open({ asNumber: 0, capabilities: [ipv4] }),
    reaction: 'NOTIFICATION 2/2',
  },
  {
    ...sent,
    name: 'AS 0 in the capability',
    rfc: 'RFC 7607 2',
    send: open({ asField: 23456, capabilities: [ipv4, fourOctetAs(0)] }),
    reaction: 'NOTIFICATION 2/2',
  },
  {
    ...sent,
    name: 'AS_TRANS without the four-octet capability',
    rfc: 'RFC 6793 9',
    send: open({ asField: 23456, capabilities: [ipv4] }),
    reaction: 'NOTIFICATION 2/2',
  },
  {
    ...sent,
    name: 'our own AS from an external peer',
    rfc: 'RFC 4271 6.2',
    send: open({ asNumber: 65001 }),
    reaction: 'NOTIFICATION 2/2',
  },
  {
    ...sent,
    name: 'an identifier of 0.0.0.0',
    rfc: 'RFC 6286 2.2',
    send: open({ identifier: 0 }),
    reaction: 'NOTIFICATION 2/3',
  },
  {
    ...sent,
    name: 'our own identifier from an internal peer',
    rfc: 'RFC 6286 2.2',
    peer: { asNumber: 65001 },
    send: open({ asNumber: 65001, identifier: 0x0a000001 }),
    reaction: 'NOTIFICATION 2/3',
  },
  {
    ...sent,
    name: 'our own identifier from an external peer',
    rfc: 'RFC 6286 2.1',
    send: open({ identifier: 0x0a000001 }),
    reaction: established,
  },
  {
    ...sent,
    name: 'an identifier that is a multicast address',
    rfc: 'RFC 6286 2.1',
    send: open({ identifier: 0xe0000001 }),
    reaction: established,
  },
  {
    ...sent,
    name: 'an identifier of all ones',
    rfc: 'RFC 6286 2.1',
    send: open({ identifier: 0xffffffff }),
    reaction: established,
  },
  { ...sent, name: 'a hold time of 1', rfc: 'RFC 4271 6.2', send: open({ holdTime: 1 }), reaction: 'NOTIFICATION 2/6' },
  { ...sent, name: 'a hold time of 2', rfc: 'RFC 4271 6.2', send: open({ holdTime: 2 }), reaction: 'NOTIFICATION 2/6' },
  { ...sent, name: 'a hold time of 0', rfc: 'RFC 4271 4.2', send: open({ holdTime: 0 }), reaction: established },
  { ...sent, name: 'a hold time of 3', rfc: 'RFC 4271 4.2', send: open({ holdTime: 3 }), reaction: established },
  {
    ...sent,
    name: 'a hold time of 65535',
    rfc: 'RFC 4271 4.2',
    send: open({ holdTime: 65535 }),
    reaction: established,
  },
  {
    ...sent,
    name: 'the authentication parameter, which is deprecated',
    rfc: 'RFC 4271 6.2',
    send: open({ parameters: '04 01 02 0000' }),
    reaction: 'NOTIFICATION 2/4',
  },
  {
    ...sent,
    name: 'optional parameter 3',
    rfc: 'RFC 4271 6.2',
    send: open({ parameters: '02 03 00' }),
    reaction: 'NOTIFICATION 2/4',
  },
  {
    ...sent,
    name: 'optional parameter 200 behind capabilities',
    rfc: 'RFC 4271 6.2',
    send: open({ parameters: `0b 02 06 ${as4} c8 01 00` }),
    reaction: 'NOTIFICATION 2/4',
  },
  {
    ...sent,
    name: 'optional parameters shorter than their length says',
    rfc: 'RFC 4271 6.2',
    send: open({ parameters: `10 02 06 ${as4}` }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'octets behind the optional parameters',
    rfc: 'RFC 4271 6.2',
    send: open({ parameters: `08 02 06 ${as4} 00` }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'octets behind no optional parameters',
    rfc: 'RFC 4271 6.2',
    send: open({ parameters: '00 ff' }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'an optional parameter of one octet',
    rfc: 'RFC 4271 6.2',
    send: open({ parameters: '01 02' }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'an optional parameter past the end',
    rfc: 'RFC 4271 6.2',
    send: open({ parameters: '04 02 09 4104' }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'two faults: the version before the AS',
    rfc: 'RFC 4271 6.2',
    send: open({ version: 3, asNumber: 65099, holdTime: 1 }),
    reaction: 'NOTIFICATION 2/1 0004',
  },
];
