import { gzipSync } from 'node:zlib';
import { addressFromBytes } from '@caracal/net';
import { encodeMessage, encodeMrtRecord, initialContext, type Message, type Open } from 'bgp-parser';
import { describe, expect, it } from 'vitest';
import { decodeInput, type InputFormat } from './decode-input.ts';
import { jsonItem, printItem } from './decode-print.ts';

const decode = (bytes: Uint8Array, format: InputFormat = 'auto', fourOctetAs = true) => {
  const context = { ...initialContext, fourOctetAs };
  return [...decodeInput(Buffer.from(bytes), { format, port: 179, context })];
};
const printed = (...given: Parameters<typeof decode>) => decode(...given).map(printItem);

const marker = 'ff'.repeat(16);
const keepalive = `${marker}001304`;

describe('hexadecimal text', () => {
  it('is decoded with blanks, colons and 0x between the octets', () => {
    const pretty = `0x${keepalive.slice(0, 8)} ${keepalive.slice(8).replaceAll(/(..)/g, '$1:').slice(0, -1)}\n`;
    expect(printed(Buffer.from(pretty))).toEqual(['KEEPALIVE']);
  });

  it('may leave the marker out', () => {
    expect(printed(Buffer.from('0017 02 0000 0000'))).toEqual(['UPDATE (End-of-RIB, IPv4 unicast)']);
  });

  it('says what a receiver does about malformed attributes', () => {
    const attributes = '40010100 4002060201 0000fdea 400304c0000201 800401 00'.replaceAll(' ', '');
    const length = (attributes.length / 2).toString(16).padStart(4, '0');
    const body = `0000 ${length} ${attributes} 18c63364`;
    const size = (body.replaceAll(' ', '').length / 2 + 19).toString(16).padStart(4, '0');
    expect(printed(Buffer.from(`${marker} ${size} 02 ${body}`))).toEqual([
      `UPDATE
    origin     IGP
    asPath     65002
    nextHop    192.0.2.1
    announced  198.51.100.0/24
    !          med: length 1 is not 4 (treat as withdraw)`,
    ]);
    expect(printed(Buffer.from(`${marker} 001c 02 0000 0000 21 0a000001`))).toEqual([
      'malformed message: NLRI: prefix length 33 is more than 32\n    !  session reset, NOTIFICATION 3/10',
    ]);
  });

  it('says what is left over, and what is no message', () => {
    expect(printed(Buffer.from(`${keepalive} ${keepalive.slice(0, 20)}`))).toEqual([
      'KEEPALIVE',
      '10 octets are no whole message',
    ]);
    expect(printed(Buffer.from('hello'), 'hex')).toEqual(['this is no hexadecimal text']);
  });
});

it('the octets of a TCP stream are decoded as its OPENs agree', () => {
  const open: Open = { type: 'open', asNumber: 65002, holdTimeSeconds: 90, bgpIdentifier: 1, capabilities: [] };
  const twoOctet = { ...initialContext, fourOctetAs: false };
  const path: Message = {
    type: 'update',
    withdrawn: [],
    attributes: { origin: 0, asPath: [{ type: 'sequence', asNumbers: [65002, 65003] }] },
    announced: [],
  };
  const stream = Buffer.concat([encodeMessage(open, initialContext), encodeMessage(path, twoOctet)]);
  expect(printed(stream)[1]).toContain('asPath  65002 65003');
});

describe('a capture', () => {
  const ends = { a: [10, 0, 0, 1], b: [10, 0, 0, 2] };
  const segment = (from: 'a' | 'b', sequence: number, payload: Uint8Array, syn = false) => {
    const tcp = Buffer.alloc(20 + payload.length);
    tcp.writeUInt16BE(from === 'a' ? 179 : 40000, 0);
    tcp.writeUInt16BE(from === 'a' ? 40000 : 179, 2);
    tcp.writeUInt32BE(sequence >>> 0, 4);
    tcp[12] = 5 << 4;
    tcp[13] = syn ? 2 : 16;
    tcp.set(payload, 20);
    const ip = Buffer.from([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, ...ends[from], ...ends[from === 'a' ? 'b' : 'a']]);
    ip.writeUInt16BE(20 + tcp.length, 2);
    // Ethernet pads short frames.
    return Buffer.concat([Buffer.alloc(12), Buffer.from([8, 0]), ip, tcp, Buffer.alloc(4)]);
  };
  const capture = (...packets: Buffer[]) => {
    const head = Buffer.alloc(24);
    head.writeUInt32LE(0xa1b2c3d4, 0);
    head.writeUInt32LE(1, 20);
    const records = packets.map((packet, index) => {
      const record = Buffer.alloc(16);
      record.writeUInt32LE(1_700_000_000 + index, 0);
      record.writeUInt32LE(packet.length, 8);
      record.writeUInt32LE(packet.length, 12);
      return Buffer.concat([record, packet]);
    });
    return Buffer.concat([head, ...records]);
  };
  const bytes = Buffer.from(keepalive, 'hex');
  const nothing = new Uint8Array(0);

  it('is put in order: segments that overtake, that come twice, that hold half a message', () => {
    const start = 0xfffffff8;
    const file = capture(
      segment('b', start, nothing, true),
      segment('b', start + 11, bytes.subarray(10)),
      segment('a', 500, bytes),
      segment('b', start + 1, bytes.subarray(0, 10)),
      segment('b', start + 1, bytes),
      segment('b', start + 20, bytes),
    );
    expect(printed(file)).toEqual([
      '2023-11-14T22:13:22.000Z 10.0.0.1 > 10.0.0.2 KEEPALIVE',
      '2023-11-14T22:13:23.000Z 10.0.0.2 > 10.0.0.1 KEEPALIVE',
      '2023-11-14T22:13:25.000Z 10.0.0.2 > 10.0.0.1 KEEPALIVE',
    ]);
  });

  it('of another connection of the same ends begins anew', () => {
    const file = capture(
      segment('b', 1, nothing, true),
      segment('b', 2, bytes),
      segment('b', 9000, nothing, true),
      segment('b', 9001, bytes),
    );
    expect(printed(file)).toHaveLength(2);
  });

  it('that begins in the middle of a message goes on with the next one', () => {
    const file = capture(segment('a', 5, bytes.subarray(12)), segment('a', 12, Buffer.concat([bytes, bytes])));
    expect(printed(file)).toHaveLength(2);
  });

  it('that lacks a segment goes on behind the gap', () => {
    const behind = Array.from({ length: 300 }, (_, i) => segment('a', 1000 + 19 * i, bytes));
    const lines = printed(capture(segment('a', 1, bytes), ...behind));
    expect(lines.slice(0, 2)).toEqual([
      '2023-11-14T22:13:20.000Z 10.0.0.1 > 10.0.0.2 KEEPALIVE',
      '2023-11-14T22:17:37.000Z 10.0.0.1 > 10.0.0.2 segments are missing in the capture',
    ]);
    expect(lines).toHaveLength(2 + 300);
  });

  it('that is cut off says so', () => {
    const file = capture(segment('a', 1, bytes), segment('a', 20, bytes));
    expect(printed(file.subarray(0, -5))).toEqual([
      '2023-11-14T22:13:20.000Z 10.0.0.1 > 10.0.0.2 KEEPALIVE',
      'the capture is cut off',
    ]);
  });
});

describe('an MRT file', () => {
  const peerAddress = addressFromBytes(Uint8Array.of(10, 0, 0, 1));
  const localAddress = addressFromBytes(Uint8Array.of(10, 0, 0, 2));
  const session = { peerAs: 65002, localAs: 65001, interfaceIndex: 0, peerAddress, localAddress, fourOctetAs: true };
  const file = Buffer.concat(
    [
      { seconds: 1_700_000_000, type: 'stateChange', ...session, oldState: 5, newState: 6 } as const,
      {
        seconds: 1_700_000_001,
        microseconds: 250_000,
        type: 'message',
        ...session,
        local: false,
        addPath: false,
        message: Buffer.from(keepalive, 'hex'),
      } as const,
    ].map(encodeMrtRecord),
  );

  it('is printed with times and ends, packed or not', () => {
    const lines = [
      '2023-11-14T22:13:20.000Z 10.0.0.1 > 10.0.0.2 state OpenConfirm to Established',
      '2023-11-14T22:13:21.250Z 10.0.0.1 > 10.0.0.2 KEEPALIVE',
    ];
    expect(printed(file)).toEqual(lines);
    expect(printed(gzipSync(file))).toEqual(lines);
  });

  it('is JSON with addresses as text', () => {
    expect(decode(file).map((item) => JSON.parse(jsonItem(item)))).toMatchObject([
      { time: 1_700_000_000, content: { kind: 'record', record: { peerAddress: '10.0.0.1', newState: 6 } } },
      { from: '10.0.0.1', to: '10.0.0.2', content: { kind: 'message', message: { type: 'keepalive' }, faults: [] } },
    ]);
  });
});
