import { addressFromBytes, formatAddress, formatPrefix, prefixOf } from '@caracal/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PathAttributes } from '../attributes/value.ts';
import { concat, formatHex } from '../bytes.ts';
import { initialContext } from '../context.ts';
import { formatMessage } from '../format.ts';
import { decodeMessage } from '../message.ts';
import { birdRecords } from './bird-records.ts';
import { dumpedNextHop, encodeMrtRecord, type MrtRecord, type ReadRecord, readMrt } from './index.ts';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const read = (bytes: Uint8Array): ReadRecord[] => [...readMrt(bytes)];
const records = (bytes: Uint8Array): MrtRecord[] =>
  read(bytes).map((one) => {
    if (!one.ok) throw new Error(one.message);
    return one.record;
  });

describe("BIRD's files", () => {
  const all = records(bytesOf(birdRecords.join('')));

  it('hold its tables', () => {
    const routes = all.flatMap((record) =>
      record.type === 'rib'
        ? record.entries.map(({ attributes }) => {
            const hop = dumpedNextHop(attributes);
            return `${formatPrefix(record.prefix)} via ${hop && formatAddress(hop)} pref ${attributes.localPref}`;
          })
        : [],
    );
    expect(routes).toEqual([
      '0.0.0.0/0 via 10.99.1.2 pref 100',
      '192.0.2.0/24 via 10.99.1.2 pref 100',
      '10.64.0.0/11 via 10.99.1.2 pref 100',
      '10.3.0.1/32 via 10.99.1.2 pref 100',
      '10.2.4.0/22 via 10.99.1.2 pref 100',
      '10.5.0.1/32 via 10.99.1.2 pref 100',
      '10.4.0.128/25 via 10.99.1.2 pref 100',
      '2001:db8:1::/48 via 2001:db8:63:1::2 pref 100',
    ]);
    expect(all[0]).toMatchObject({ type: 'peerIndexTable', peers: [{ asNumber: 0 }, { asNumber: 65002 }, {}] });
  });

  it('hold its messages', () => {
    const titles = all.flatMap((record) => {
      if (record.type === 'stateChange') return [`${record.peerAs}: ${record.oldState} to ${record.newState}`];
      if (record.type !== 'message') return [];
      const decoded = decodeMessage(record.message, initialContext);
      return [`${record.peerAs}: ${decoded.ok ? formatMessage(decoded.message).title : decoded.error.message}`];
    });
    expect(titles.slice(0, 8)).toMatchInlineSnapshot(`
      [
        "65003: 1 to 4",
        "65003: OPEN AS 65003, hold time 90 s, identifier 10.99.2.2",
        "65003: 4 to 5",
        "65003: KEEPALIVE",
        "65003: 5 to 6",
        "65002: 1 to 4",
        "65002: OPEN AS 65002, hold time 90 s, identifier 10.99.1.2",
        "65002: 4 to 5",
      ]
    `);
    expect(titles).toHaveLength(23);
  });

  it('are written again as they are, but for the flags and the order of attributes in the dumps', () => {
    for (const hex of birdRecords) {
      const [record] = records(bytesOf(hex));
      const written = encodeMrtRecord(record);
      if (record.type === 'rib') expect(records(written)).toEqual([record]);
      else expect(formatHex(written)).toBe(hex);
    }
  });
});

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const address = (octets: 4 | 16) => fc.uint8Array({ minLength: octets, maxLength: octets }).map(addressFromBytes);
const time = fc.record({ seconds: u32, microseconds: fc.nat(999_999) }, { requiredKeys: ['seconds'] });
const session = fc.boolean().chain((fourOctetAs) =>
  fc.constantFrom<4 | 16>(4, 16).chain((octets) =>
    fc.record({
      peerAs: fourOctetAs ? u32 : u16,
      localAs: fourOctetAs ? u32 : u16,
      interfaceIndex: u16,
      peerAddress: address(octets),
      localAddress: address(octets),
      fourOctetAs: fc.constant(fourOctetAs),
    }),
  ),
);
const attributes = (octets: 4 | 16): fc.Arbitrary<PathAttributes> =>
  fc.record<Record<string, unknown>, string>(
    {
      origin: fc.nat(2),
      asPath: fc.array(
        fc.record({
          type: fc.constant('sequence' as const),
          asNumbers: fc.array(fc.integer({ min: 1, max: 0xffffffff }), { minLength: 1, maxLength: 4 }),
        }),
        { maxLength: 2 },
      ),
      ...(octets === 4
        ? { nextHop: address(4) }
        : {
            mpReach: address(16).map((hop) => ({ family: 'ipv6Unicast' as const, nextHops: [hop], nlri: [] })),
          }),
      med: u32,
      communities: fc.array(u32, { minLength: 1, maxLength: 80 }),
    },
    { requiredKeys: ['origin', 'asPath'] },
  );
const rib = fc.tuple(fc.constantFrom<4 | 16>(4, 16), fc.boolean()).chain(([octets, addPath]) =>
  fc.record({
    type: fc.constant('rib' as const),
    family: fc.constant(octets === 4 ? ('ipv4Unicast' as const) : ('ipv6Unicast' as const)),
    sequence: u32,
    prefix: fc.tuple(address(octets), fc.nat(8 * octets)).map(([a, length]) => prefixOf(a, length)),
    entries: fc.array(
      fc.record({
        peerIndex: u16,
        originated: u32,
        ...(addPath ? { pathId: u32 } : {}),
        attributes: attributes(octets),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
);
const peer = fc.boolean().chain((fourOctetAs) =>
  fc.record({
    bgpIdentifier: u32,
    address: fc.oneof(address(4), address(16)),
    asNumber: fourOctetAs ? u32 : u16,
    fourOctetAs: fc.constant(fourOctetAs),
  }),
);
const body = fc.oneof(
  rib,
  fc.record({
    type: fc.constant('peerIndexTable' as const),
    collectorIdentifier: u32,
    viewName: fc.string({ maxLength: 20 }),
    peers: fc.array(peer, { maxLength: 5 }),
  }),
  fc
    .tuple(
      session,
      fc.record({ local: fc.boolean(), addPath: fc.boolean(), message: fc.uint8Array({ maxLength: 60 }) }),
    )
    .map(([ends, rest]) => ({ type: 'message' as const, ...ends, ...rest })),
  fc
    .tuple(session, fc.record({ oldState: u16, newState: u16 }))
    .map(([ends, rest]) => ({ type: 'stateChange' as const, ...ends, ...rest })),
  fc.record({
    type: fc.constant('other' as const),
    code: fc.constantFrom(11, 12, 32, 48),
    subtype: u16,
    body: fc.uint8Array({ maxLength: 40 }),
  }),
);
// Microseconds are part of BGP4MP_ET alone.
const record: fc.Arbitrary<MrtRecord> = fc.tuple(time, body).map(([{ seconds, microseconds }, value]) => ({
  seconds,
  ...(microseconds !== undefined && (value.type === 'message' || value.type === 'stateChange') ? { microseconds } : {}),
  ...value,
}));

describe('MRT records', () => {
  it('come back from their bytes, one behind the other', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 4 }), (list) => {
        expect(records(concat(list.map(encodeMrtRecord)))).toEqual(list);
      }),
      { numRuns: 500 },
    );
  });

  it('say what is wrong, whatever the bytes; reading goes on behind a record that is whole', () => {
    fc.assert(
      fc.property(record, fc.nat(), fc.nat(255), fc.nat(40), (one, at, value, cut) => {
        const bytes = encodeMrtRecord(one);
        bytes[at % bytes.length] = value;
        let end = 0;
        for (const result of readMrt(bytes.subarray(0, bytes.length - Math.min(cut, bytes.length - 1)))) {
          expect(result.end).toBeGreaterThan(end);
          end = result.end;
        }
      }),
      { numRuns: 2000 },
    );
    const good = bytesOf(birdRecords[1]);
    const bad = Uint8Array.from(good);
    bad[16] = 99;
    expect(read(concat([bad, good])).map(({ ok }) => ok)).toEqual([false, true]);
    expect(read(good.subarray(0, 30))).toMatchObject([
      { ok: false, message: 'a record of 42 octets is cut off after 18' },
    ]);
  });
});
