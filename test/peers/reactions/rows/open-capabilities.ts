import type { Row } from '../row.ts';
import { capabilities, capability, message, open, types } from '../wire.ts';

const { ipv4, ipv6, routeRefresh, fourOctetAs } = capabilities;
const as4 = fourOctetAs(65002);
const whole = [ipv4, ipv6, routeRefresh, as4];
const fixed = '04 fdea 005a 0a800001';

const sent = { state: 'OpenSent' } as const;
const established = 'established';

/** Capabilities, the parameters that hold them, and the extended form of both. */
export const openCapabilities: readonly Row[] = [
  {
    ...sent,
    name: 'a capability of one octet',
    rfc: 'RFC 5492 4',
    send: open({ parameters: '03 02 01 41' }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'a capability past its parameter',
    rfc: 'RFC 5492 4',
    send: open({ parameters: '06 02 04 4104 0000' }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'no optional parameters',
    rfc: 'RFC 4271 4.2',
    open: { capabilities: [] },
    send: open({ capabilities: [] }),
    reaction: established,
  },
  {
    ...sent,
    name: 'a capabilities parameter without capabilities',
    rfc: 'RFC 5492 4',
    open: { capabilities: [] },
    send: open({ parameters: '02 02 00' }),
    reaction: established,
  },
  {
    ...sent,
    name: 'unknown capabilities',
    rfc: 'RFC 5492 3',
    send: open({ capabilities: [capability(99, '010203'), ...whole, capability(254)] }),
    reaction: established,
  },
  {
    ...sent,
    name: 'a parameter for each capability',
    rfc: 'RFC 5492 4',
    send: open({ parameters: `14 02 06 ${ipv4} 02 02 ${routeRefresh} 02 06 ${as4}` }),
    reaction: established,
  },
  {
    ...sent,
    name: 'every capability twice',
    rfc: 'RFC 5492 4',
    send: open({ capabilities: [...whole, ...whole] }),
    reaction: established,
  },
  {
    ...sent,
    name: 'families that nobody here knows',
    rfc: 'RFC 4760 8',
    send: open({ capabilities: [capability(1, '4004 00 47'), capability(1, '0019 00 46'), ...whole] }),
    reaction: established,
  },
  {
    ...sent,
    name: 'the reserved octet of a multiprotocol capability set',
    rfc: 'RFC 4760 8',
    send: open({ capabilities: [capability(1, '0001 ff 01'), routeRefresh, as4] }),
    reaction: established,
  },
  {
    ...sent,
    name: 'a multiprotocol capability of 3 octets',
    rfc: 'RFC 4271 6.2',
    send: open({ capabilities: [capability(1, '0001 00'), as4] }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'a four-octet AS capability of 2 octets',
    rfc: 'RFC 4271 6.2',
    send: open({ capabilities: [ipv4, capability(65, 'fdea')] }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'a graceful restart capability of 1 octet',
    rfc: 'RFC 4271 6.2',
    send: open({ capabilities: [...whole, capability(64, '00')] }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'a graceful restart capability whose last family is cut off',
    rfc: 'RFC 4271 6.2',
    send: open({ capabilities: [...whole, capability(64, '0078 0001 01')] }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'the reserved bits of graceful restart set',
    rfc: 'RFC 4724 3',
    send: open({ capabilities: [...whole, capability(64, '3078 0001 01 7f')] }),
    reaction: established,
  },
  {
    ...sent,
    name: 'an add-path capability that asks for mode 0',
    rfc: 'RFC 7911 4',
    send: open({ capabilities: [...whole, capability(69, '0001 01 00')] }),
    reaction: established,
  },
  {
    ...sent,
    name: 'an add-path capability that asks for mode 7',
    rfc: 'RFC 7911 4',
    send: open({ capabilities: [...whole, capability(69, '0001 01 07')] }),
    reaction: established,
  },
  {
    ...sent,
    name: 'more than 255 octets of capabilities in the extended form',
    rfc: 'RFC 9072 2',
    send: open({
      parameters: `ff ff 0113 02 0110 ${as4} ${capability(200, '00'.repeat(255))} ${capability(201, '0000000000')}`
        .replace('0113', '0111')
        .replace('0110', '010e'),
    }),
    reaction: established,
  },
  {
    ...sent,
    name: 'a few capabilities in the extended form',
    rfc: 'RFC 9072 2',
    send: open({ parameters: `ff ff 0009 02 0006 ${as4}` }),
    reaction: established,
  },
  {
    ...sent,
    name: 'the extended form behind a length that is not 255',
    rfc: 'RFC 9072 2',
    send: open({ parameters: `09 ff 0009 02 0006 ${as4}` }),
    reaction: established,
  },
  {
    ...sent,
    name: 'an extended length past the end',
    rfc: 'RFC 9072 2',
    send: open({ parameters: `ff ff 0019 02 0006 ${as4}` }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'an extended parameter past the end',
    rfc: 'RFC 9072 2',
    send: open({ parameters: `ff ff 0009 02 0106 ${as4}` }),
    reaction: 'NOTIFICATION 2/0',
  },
  {
    ...sent,
    name: 'the extended form cut off behind its type',
    rfc: 'RFC 9072 2',
    send: message(types.open, `${fixed} 01 ff`),
    reaction: 'NOTIFICATION 2/0',
  },
];
