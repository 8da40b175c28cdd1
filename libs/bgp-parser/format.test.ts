import { describe, expect, it } from 'vitest';
import { initialContext } from './context.ts';
import { formatMessage } from './format.ts';
import { decodeMessage, frame } from './message.ts';

const shown = (type: number, body: string) => {
  const octets = Uint8Array.from(Buffer.from(body.replaceAll(/\s/g, ''), 'hex'));
  const decoded = decodeMessage(frame(type, octets), { ...initialContext, confederation: true });
  if (!decoded.ok) return decoded.error.message;
  const { title, lines } = formatMessage(decoded.message);
  return [title, ...lines.map(({ name, text }) => `  ${name}: ${text}`)].join('\n');
};

describe('messages as a router shows them', () => {
  it('an OPEN with every capability', () => {
    const capabilities = `0104 0001 00 01  0200  0506 0001 0001 0002  0600  0901 03  4006 c078 0001 01 80  4104 fbf00001
      4508 0001 01 03 0002 01 01  4600  4707 0002 01 80 000e10  c802 abcd`;
    const octets = capabilities.replaceAll(/\s/g, '').length / 2;
    const length = octets.toString(16).padStart(2, '0');
    const parameters = `${(octets + 2).toString(16).padStart(2, '0')} 02 ${length} ${capabilities}`;
    expect(
      shown(1, `04 5ba0 00f0 c0000201 ${parameters}`),
    ).toBe(`OPEN AS 4226809857, hold time 240 s, identifier 192.0.2.1
  multiprotocol: IPv4 unicast
  route refresh: 
  extended next hop: IPv4 unicast via IPv6
  extended message: 
  BGP role: customer
  graceful restart: 120 s, restarting, notification, IPv4 unicast (forwarding kept)
  four-octet AS: 4226809857
  add-path: IPv4 unicast send and receive, IPv6 unicast receive
  enhanced route refresh: 
  long-lived graceful restart: IPv6 unicast 3600 s (forwarding kept)
  unknown: code 200: abcd`);
  });

  it('an UPDATE', () => {
    const attributes = `40 01 01 02  40 02 14 0202 0000fde9 0001fffe  0302 0000fdea 0000fdeb  40 03 04 c0000201  80 04 04 00000064
      40 06 00  c0 07 08 0000fde9 0a000001  c0 08 08 fde90064 ffffff01  c0 10 08 0002fde900000064
      c0 20 0c 0000fde9 00000001 00000002  c0 23 04 0000fdea  c0 63 02 beef`;
    const length = (attributes.replaceAll(/\s/g, '').length / 2).toString(16).padStart(4, '0');
    expect(shown(2, `0004 18 c63364 ${length} ${attributes} 18 0a0000 00`)).toBe(`UPDATE
  withdrawn: 198.51.100.0/24
  origin: incomplete
  asPath: 65001 131070 (65002 65003)
  nextHop: 192.0.2.1
  med: 100
  atomicAggregate: yes
  aggregator: 65001 10.0.0.1
  communities: 65001:100 no-export
  extendedCommunities: rt:65001:100
  largeCommunities: 65001:1:2
  onlyToCustomer: 65002
  attribute99: 2 octets
  announced: 10.0.0.0/24 0.0.0.0/0`);
  });

  it.each([
    [2, '0000 0000', 'UPDATE (End-of-RIB, IPv4 unicast)'],
    [2, '0000 0006 80 0f 03 0002 01', 'UPDATE (End-of-RIB, IPv6 unicast)'],
    [2, '0000 0006 80 0f 03 0019 46', 'UPDATE (End-of-RIB, L2VPN EVPN)'],
    [3, '06 02 02 6869', 'NOTIFICATION 6/2: Cease: Administrative Shutdown "hi"'],
    [4, '', 'KEEPALIVE'],
    [5, '0002 00 01', 'ROUTE-REFRESH IPv6 unicast (request)'],
    [5, '0001 02 01', 'ROUTE-REFRESH IPv4 unicast (ends)'],
  ])('type %i, %s: %s', (type, body, text) => {
    expect(shown(type, body)).toBe(text);
  });
});
