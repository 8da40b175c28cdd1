import { parseAddress, parsePrefix } from '@caracal/net';
import { describe, expect, it } from 'vitest';
import { formatHex } from './bytes.ts';
import { type DecodeContext, initialContext } from './context.ts';
import { decodeMessage, encodeMessage, type Message } from './message.ts';

const address = (text: string) => parseAddress(text)!;
const nlri = (text: string, pathId?: number) =>
  pathId === undefined ? { prefix: parsePrefix(text)! } : { prefix: parsePrefix(text)!, pathId };
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
/** The body with its header: a hexadecimal text without the marker and length, which follow from the rest. */
const framed = (type: number, body: string) => {
  const octets = bytesOf(body);
  return Uint8Array.of(
    ...new Array(16).fill(255),
    (octets.length + 19) >> 8,
    (octets.length + 19) & 255,
    type,
    ...octets,
  );
};

/** An UPDATE's body from its three fields. */
const fields = (withdrawn: string, attributes: string, announced: string) => {
  const length = (hex: string) => bytesOf(hex).length.toString(16).padStart(4, '0');
  return `${length(withdrawn)} ${withdrawn} ${length(attributes)} ${attributes} ${announced}`;
};

const internal: DecodeContext = { ...initialContext, external: false };
const twoOctet: DecodeContext = { ...initialContext, fourOctetAs: false };
const ipv6NextHops: DecodeContext = { ...initialContext, extendedNextHop: true };
const withPathIds: DecodeContext = { ...initialContext, addPath: ['ipv4Unicast', 'ipv6Unicast'] };

/** Each row is one message as octets and as value; both directions must agree. */
const pairs: { name: string; context?: DecodeContext; type: number; body: string; value: Message }[] = [
  { name: 'KEEPALIVE', type: 4, body: '', value: { type: 'keepalive' } },
  {
    name: 'OPEN without capabilities',
    type: 1,
    body: '04 fde9 005a 0a000001 00',
    value: { type: 'open', asNumber: 65001, holdTimeSeconds: 90, bgpIdentifier: 0x0a000001, capabilities: [] },
  },
  {
    name: 'OPEN with the capabilities of the table and one unknown',
    type: 1,
    body: `04 5ba0 00f0 c0000201 40 02 3e
      0104 0001 00 01  0104 0002 00 01  0200  0506 0001 00 01 0002  0600  0901 03
      4006 c078 0001 01 80  4104 fbf00001  4504 0001 01 03  4600  4707 0002 01 80 000e10  c802 abcd`,
    value: {
      type: 'open',
      asNumber: 23456,
      holdTimeSeconds: 240,
      bgpIdentifier: 0xc0000201,
      capabilities: [
        { name: 'multiprotocol', afi: 1, safi: 1 },
        { name: 'multiprotocol', afi: 2, safi: 1 },
        { name: 'routeRefresh' },
        { name: 'extendedNextHop', entries: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
        { name: 'extendedMessage' },
        { name: 'bgpRole', role: 3 },
        {
          name: 'gracefulRestart',
          restarting: true,
          notification: true,
          restartTimeSeconds: 120,
          families: [{ afi: 1, safi: 1, forwardingKept: true }],
        },
        { name: 'fourOctetAs', asNumber: 4226809857 },
        { name: 'addPath', families: [{ afi: 1, safi: 1, mode: 3 }] },
        { name: 'enhancedRouteRefresh' },
        {
          name: 'longLivedGracefulRestart',
          families: [{ afi: 2, safi: 1, forwardingKept: true, staleTimeSeconds: 3600 }],
        },
        { name: 'unknown', code: 200, value: Uint8Array.of(0xab, 0xcd) },
      ],
    },
  },
  {
    name: 'End-of-RIB of IPv4',
    type: 2,
    body: '0000 0000',
    value: { type: 'update', withdrawn: [], attributes: {}, announced: [] },
  },
  {
    name: 'End-of-RIB of IPv6',
    type: 2,
    body: '0000 0006 80 0f 03 0002 01',
    value: {
      type: 'update',
      withdrawn: [],
      attributes: { mpUnreach: { family: 'ipv6Unicast', nlri: [] } },
      announced: [],
    },
  },
  {
    name: 'withdrawal of prefixes on and off octet boundaries',
    type: 2,
    body: fields('00 18 0a0102 0f 0afe 20 c0000201', '', ''),
    value: {
      type: 'update',
      withdrawn: [nlri('0.0.0.0/0'), nlri('10.1.2.0/24'), nlri('10.254.0.0/15'), nlri('192.0.2.1/32')],
      attributes: {},
      announced: [],
    },
  },
  {
    name: 'IPv4 routes with the attributes of an external peer',
    type: 2,
    body: fields(
      '',
      `40 01 01 00  40 02 14 0203 0000fde9 0001fffe 00000001 0101 0000fdea
      40 03 04 c0000201  80 04 04 00000064  40 06 00  c0 07 08 0000fde9 0a000001
      e0 08 08 fde90064 ffffff01  c0 10 08 0002fde900000064  c0 20 0c 0000fde9 00000001 00000002
      e0 63 02 beef`,
      '18 0a0000 10 0a01',
    ),
    value: {
      type: 'update',
      withdrawn: [],
      attributes: {
        origin: 0,
        asPath: [
          { type: 'sequence', asNumbers: [65001, 131070, 1] },
          { type: 'set', asNumbers: [65002] },
        ],
        nextHop: address('192.0.2.1'),
        med: 100,
        atomicAggregate: true,
        aggregator: { asNumber: 65001, address: address('10.0.0.1') },
        communities: [0xfde90064, 0xffffff01],
        extendedCommunities: [0x0002fde900000064n],
        largeCommunities: [[65001, 1, 2]],
        unknown: [{ code: 99, flags: 0xe0, value: Uint8Array.of(0xbe, 0xef) }],
        partial: [8],
      },
      announced: [nlri('10.0.0.0/24'), nlri('10.1.0.0/16')],
    },
  },
  {
    name: 'IPv4 route of an internal peer through a reflector',
    context: internal,
    type: 2,
    body: fields(
      '',
      `40 01 01 02  40 02 00  40 03 04 0a000001  40 05 04 00000064
      80 09 04 0a000002  80 0a 08 0a000003 0a000004`,
      '18 0a0000',
    ),
    value: {
      type: 'update',
      withdrawn: [],
      attributes: {
        origin: 2,
        asPath: [],
        nextHop: address('10.0.0.1'),
        localPref: 100,
        originatorId: 0x0a000002,
        clusterList: [0x0a000003, 0x0a000004],
      },
      announced: [nlri('10.0.0.0/24')],
    },
  },
  {
    name: 'IPv6 routes with a link-local next hop beside the global one',
    type: 2,
    body: fields(
      '',
      `80 0e 2d 0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00
      30 20010db80001 00  40 01 01 00  40 02 06 0201 0000fde9`,
      '',
    ),
    value: {
      type: 'update',
      withdrawn: [],
      attributes: {
        mpReach: {
          family: 'ipv6Unicast',
          nextHops: [address('2001:db8::1'), address('fe80::1')],
          nlri: [nlri('2001:db8:1::/48'), nlri('::/0')],
        },
        origin: 0,
        asPath: [{ type: 'sequence', asNumbers: [65001] }],
      },
      announced: [],
    },
  },
  {
    name: 'an IPv4 route with an IPv6 next hop (RFC 8950)',
    context: ipv6NextHops,
    type: 2,
    body: fields(
      '',
      '80 0e 19 0001 01 10 20010db8000000000000000000000001 00 18 0a0000  40 01 01 00  40 02 06 0201 0000fde9',
      '',
    ),
    value: {
      type: 'update',
      withdrawn: [],
      attributes: {
        mpReach: { family: 'ipv4Unicast', nextHops: [address('2001:db8::1')], nlri: [nlri('10.0.0.0/24')] },
        origin: 0,
        asPath: [{ type: 'sequence', asNumbers: [65001] }],
      },
      announced: [],
    },
  },
  {
    name: 'routes of a family that is not routed here, carried opaquely',
    type: 2,
    body: fields('', '80 0e 09 0001 80 02 c0de 00 abcd  40 01 01 00  40 02 06 0201 0000fde9', ''),
    value: {
      type: 'update',
      withdrawn: [],
      attributes: {
        mpReach: {
          family: 'other',
          afi: 1,
          safi: 128,
          nextHop: Uint8Array.of(0xc0, 0xde),
          nlri: Uint8Array.of(0xab, 0xcd),
        },
        origin: 0,
        asPath: [{ type: 'sequence', asNumbers: [65001] }],
      },
      announced: [],
    },
  },
  {
    name: 'a four-octet path through a two-octet peer',
    context: twoOctet,
    type: 2,
    body: fields(
      '',
      `40 01 01 00  40 02 06 0202 fde9 5ba0  40 03 04 0a000001  c0 07 06 5ba0 0a000001
      c0 11 0a 0202 0000fde9 00020000  c0 12 08 00020000 0a000001`,
      '18 0a0000',
    ),
    value: {
      type: 'update',
      withdrawn: [],
      attributes: {
        origin: 0,
        asPath: [{ type: 'sequence', asNumbers: [65001, 131072] }],
        nextHop: address('10.0.0.1'),
        aggregator: { asNumber: 131072, address: address('10.0.0.1') },
      },
      announced: [nlri('10.0.0.0/24')],
    },
  },
  {
    name: 'routes with path identifiers',
    context: withPathIds,
    type: 2,
    body: fields('00000001 18 0a0000', '40 01 01 00  40 02 06 0201 0000fde9  40 03 04 0a000001', '00000002 18 0a0000'),
    value: {
      type: 'update',
      withdrawn: [nlri('10.0.0.0/24', 1)],
      attributes: {
        origin: 0,
        asPath: [{ type: 'sequence', asNumbers: [65001] }],
        nextHop: address('10.0.0.1'),
      },
      announced: [nlri('10.0.0.0/24', 2)],
    },
  },
  {
    name: 'NOTIFICATION',
    type: 3,
    body: '02 02 0000fde9',
    value: { type: 'notification', code: 2, subcode: 2, data: Uint8Array.of(0, 0, 0xfd, 0xe9) },
  },
  { name: 'ROUTE-REFRESH', type: 5, body: '0002 00 01', value: { type: 'routeRefresh', afi: 2, subtype: 0, safi: 1 } },
];

describe('messages', () => {
  it.each(pairs)('$name decodes', ({ context, type, body, value }) => {
    const decoded = decodeMessage(framed(type, body), context ?? initialContext);
    expect(decoded).toEqual({ ok: true, message: value, faults: [] });
  });

  it.each(pairs)('$name encodes', ({ context, type, body, value }) => {
    expect(formatHex(encodeMessage(value, context ?? initialContext))).toBe(formatHex(framed(type, body)));
  });

  it('carries more than 255 octets of capabilities in the extended form (RFC 9072)', () => {
    const open: Message = {
      type: 'open',
      asNumber: 65001,
      holdTimeSeconds: 90,
      bgpIdentifier: 1,
      capabilities: [200, 201].map((code) => ({ name: 'unknown', code, value: new Uint8Array(200).fill(7) })),
    };
    const bytes = encodeMessage(open, initialContext);
    expect(formatHex(bytes.subarray(28, 35))).toBe('ffff0197020194');
    expect(decodeMessage(bytes, initialContext)).toEqual({ ok: true, message: open, faults: [] });
  });

  const routes = (context: DecodeContext, attributes: string, announced: string) => {
    const decoded = decodeMessage(framed(2, fields('', attributes, announced)), context);
    return decoded.ok && decoded.message.type === 'update' ? decoded.message : undefined;
  };

  it('clears the bits beyond a prefix length', () => {
    const update = routes(initialContext, '40 01 01 00  40 02 00  40 03 04 0a000001', '0f 0aff');
    expect(update?.announced).toEqual([nlri('10.254.0.0/15')]);
  });

  it('keeps the hops that two-octet speakers have put in front of an AS4_PATH (RFC 6793 section 4.2.3)', () => {
    const path = (hops: string, as4: string) =>
      routes(twoOctet, `40 01 01 00  40 02 ${hops}  40 03 04 0a000001  c0 11 ${as4}`, '18 0a0000')?.attributes.asPath;
    expect(path('08 0203 0001 0002 5ba0', '06 0201 00020000')).toEqual([
      { type: 'sequence', asNumbers: [1, 2] },
      { type: 'sequence', asNumbers: [131072] },
    ]);
    // One that is longer than AS_PATH is stale, and ignored.
    expect(path('04 0201 0001', '0a 0202 00020000 00020001')).toEqual([{ type: 'sequence', asNumbers: [1] }]);
  });
});
