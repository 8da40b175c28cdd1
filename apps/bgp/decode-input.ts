import { gunzipSync } from 'node:zlib';
import { formatAddress } from '@caracal/net';
import { type DecodeContext, type MrtRecord, readMrt } from 'bgp-parser';
import { decodePcap, isPcap } from './decode-pcap.ts';
import { type DecodedItem, decodeOne, SessionContext, StreamDecoder } from './decode-stream.ts';

export const inputFormats = ['auto', 'hex', 'payload', 'pcap', 'mrt'] as const;
export type InputFormat = (typeof inputFormats)[number];

const markerLength = 16;

/**
 * What an input is: a capture by its magic number, the octets of a TCP stream by the marker of their first message,
 * hexadecimal text by its letters, and MRT otherwise.
 */
function formatOf(bytes: Buffer): Exclude<InputFormat, 'auto'> {
  if (isPcap(bytes)) return 'pcap';
  if (bytes.length >= markerLength && bytes.subarray(0, markerLength).every((byte) => byte === 0xff)) return 'payload';
  return bytes.every((byte) => byte < 0x80) && hexOf(bytes.toString('latin1')) ? 'hex' : 'mrt';
}

/** The octets of hexadecimal text; blanks, colons and `0x` may stand between them. Undefined when it is something else. */
function hexOf(text: string): Buffer | undefined {
  const digits = text.replaceAll(/0x|[\s:,]/gi, '');
  return digits.length > 0 && digits.length % 2 === 0 && /^[0-9a-f]+$/i.test(digits)
    ? Buffer.from(digits, 'hex')
    : undefined;
}

/** The messages and records of an input; gzip is unpacked. */
export function* decodeInput(
  given: Buffer,
  options: { format: InputFormat; port: number; context: DecodeContext },
): Generator<DecodedItem> {
  const bytes = given[0] === 0x1f && given[1] === 0x8b ? gunzipSync(given) : given;
  const format = options.format === 'auto' ? formatOf(bytes) : options.format;
  switch (format) {
    case 'pcap':
      if (isPcap(bytes)) yield* decodePcap(bytes, options.port, options.context);
      else yield { content: { kind: 'problem', message: 'this is no capture in the classic pcap format' } };
      return;
    case 'mrt':
      yield* decodeMrt(bytes, options.context);
      return;
    case 'payload':
      yield* decodeStream(bytes, options.context);
      return;
    case 'hex': {
      const octets = hexOf(bytes.toString('latin1'));
      if (octets) yield* decodeStream(octets, options.context);
      else yield { content: { kind: 'problem', message: 'this is no hexadecimal text' } };
      return;
    }
    default:
      format satisfies never;
  }
}

function* decodeStream(bytes: Uint8Array, assumed: DecodeContext): Generator<DecodedItem> {
  // Messages without their marker, as a log may show them, are given one.
  const whole = bytes[0] === 0xff ? bytes : Buffer.concat([Buffer.alloc(markerLength, 0xff), bytes]);
  const decoder = new StreamDecoder(new SessionContext(assumed), 0);
  const contents = decoder.push(whole);
  for (const content of contents) yield { content };
  if (contents.at(-1)?.kind === 'error' || decoder.left === 0) return;
  yield { content: { kind: 'problem', message: `${decoder.left} octets are no whole message` } };
}

function* decodeMrt(bytes: Uint8Array, assumed: DecodeContext): Generator<DecodedItem> {
  for (const read of readMrt(bytes)) {
    if (!read.ok) {
      yield { content: { kind: 'problem', message: read.message } };
      continue;
    }
    const { record } = read;
    const time = record.seconds + (record.microseconds ?? 0) / 1e6;
    if (record.type === 'message') {
      yield { time, ...endsOf(record), content: decodeOne(record.message, contextOf(record, assumed)) };
    } else {
      const ends = record.type === 'stateChange' ? endsOf({ ...record, local: false }) : {};
      yield { time, ...ends, content: { kind: 'record', record } };
    }
  }
}

type MessageRecord = Extract<MrtRecord, { type: 'message' }>;

function contextOf({ fourOctetAs, addPath }: MessageRecord, assumed: DecodeContext): DecodeContext {
  return { ...assumed, fourOctetAs, addPath: addPath ? ['ipv4Unicast', 'ipv6Unicast'] : [] };
}

function endsOf(record: Pick<MessageRecord, 'peerAddress' | 'localAddress' | 'local'>): { from: string; to: string } {
  const [peer, local] = [formatAddress(record.peerAddress), formatAddress(record.localAddress)];
  return record.local ? { from: local, to: peer } : { from: peer, to: local };
}
