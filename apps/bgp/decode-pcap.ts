import { addressFromBytes, formatAddress } from '@caracal/net';
import type { DecodeContext } from 'bgp-parser';
import { type DecodedItem, SessionContext, StreamDecoder } from './decode-stream.ts';

/** A TCP segment of a capture. */
interface Segment {
  readonly time: number;
  readonly from: string;
  readonly to: string;
  readonly sequence: number;
  /** SYN takes a sequence number of its own. */
  readonly syn: boolean;
  readonly payload: Uint8Array;
}

const magics: Readonly<Record<number, { little: boolean; fraction: number }>> = {
  2712847316: { little: false, fraction: 1e6 },
  3569595041: { little: true, fraction: 1e6 },
  2712812621: { little: false, fraction: 1e9 },
  1295823521: { little: true, fraction: 1e9 },
};

/** Octets of a link layer's header, with the place of the EtherType in it; no place: IP without one. */
const linkTypes: Readonly<Record<number, { header: number; etherType?: number }>> = {
  0: { header: 4 },
  1: { header: 14, etherType: 12 },
  101: { header: 0 },
  113: { header: 16, etherType: 14 },
  228: { header: 0 },
  229: { header: 0 },
  276: { header: 20, etherType: 0 },
};

export function isPcap(bytes: Buffer): boolean {
  return bytes.length >= 24 && bytes.readUInt32BE(0) in magics;
}

/** The BGP messages of a capture (the classic pcap format), in the order in which they were whole. */
export function* decodePcap(bytes: Buffer, port: number, assumed: DecodeContext): Generator<DecodedItem> {
  const flows = new Map<string, Flow>();
  for (const segment of segmentsOf(bytes)) {
    if (typeof segment === 'string') {
      yield { content: { kind: 'problem', message: segment } };
      return;
    }
    const ends = [segment.from, segment.to];
    if (!ends.some((end) => end.endsWith(`:${port}`))) continue;
    const key = [...ends].sort().join(' ');
    const known = flows.get(key);
    const flow = known && !(segment.syn && known.carried(segment.from)) ? known : new Flow(segment.from, assumed);
    flows.set(key, flow);
    const { time, from, to } = segment;
    for (const content of flow.take(segment)) yield { time, from: withoutPort(from), to: withoutPort(to), content };
  }
}

/** Both directions of one connection. */
class Flow {
  readonly #directions = new Map<string, Direction>();
  readonly #context: SessionContext;
  readonly #first: string;

  constructor(first: string, assumed: DecodeContext) {
    this.#first = first;
    this.#context = new SessionContext(assumed);
  }

  /** Whether the end has sent octets: another SYN of it is another connection. */
  carried(from: string): boolean {
    return this.#directions.get(from)?.started ?? false;
  }

  take(segment: Segment): DecodedItem['content'][] {
    let direction = this.#directions.get(segment.from);
    if (!direction) {
      const side = segment.from === this.#first ? 0 : 1;
      direction = new Direction(() => new StreamDecoder(this.#context, side));
      this.#directions.set(segment.from, direction);
    }
    return direction.take(segment);
  }
}

/** Segments that may wait for one that is missing: the capture lost it when more do. */
const longestWait = 256;
const marker = Buffer.alloc(16, 0xff);

/**
 * Puts the segments of one direction in order. Where the capture begins in the middle, or lacks segments, it goes on with
 * the next marker of a message.
 */
class Direction {
  started = false;
  readonly #newDecoder: () => StreamDecoder;
  #decoder: StreamDecoder;
  #synchronized = false;
  #next: number | undefined;
  readonly #waiting = new Map<number, Uint8Array>();

  constructor(newDecoder: () => StreamDecoder) {
    this.#newDecoder = newDecoder;
    this.#decoder = newDecoder();
  }

  take({ sequence, syn, payload }: Segment): DecodedItem['content'][] {
    if (syn) {
      this.#next = (sequence + 1) >>> 0;
      this.#synchronized = true;
    }
    if (payload.length === 0) return [];
    this.#next ??= sequence;
    this.started = true;
    this.#waiting.set(sequence, payload);
    const contents: DecodedItem['content'][] = [];
    if (this.#waiting.size > longestWait) {
      contents.push({ kind: 'problem', message: 'segments are missing in the capture' });
      this.#skip();
    }
    for (let found = this.#ready(); found; found = this.#ready()) contents.push(...this.#decode(found));
    return contents;
  }

  #decode(bytes: Uint8Array): DecodedItem['content'][] {
    if (this.#synchronized) return this.#decoder.push(bytes);
    const begin = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(marker);
    if (begin < 0) return [];
    this.#synchronized = true;
    return this.#decoder.push(bytes.subarray(begin));
  }

  /** Goes on with the earliest of the segments that wait. */
  #skip(): void {
    const next = this.#next ?? 0;
    const distance = (sequence: number) => (sequence - next) >>> 0;
    this.#next = [...this.#waiting.keys()].reduce((a, b) => (distance(b) < distance(a) ? b : a));
    this.#decoder = this.#newDecoder();
    this.#synchronized = false;
  }

  /** The octets that come next, if they are there; what was sent again is left out. */
  #ready(): Uint8Array | undefined {
    for (const [sequence, payload] of this.#waiting) {
      const known = ((this.#next ?? 0) - sequence) >>> 0;
      if (known >= 0x80000000) continue;
      this.#waiting.delete(sequence);
      if (known >= payload.length) continue;
      this.#next = (sequence + payload.length) >>> 0;
      return payload.subarray(known);
    }
    return undefined;
  }
}

/** The TCP segments of a capture; a text in place of one says why reading ends. */
function* segmentsOf(bytes: Buffer): Generator<Segment | string> {
  const { little, fraction } = magics[bytes.readUInt32BE(0)];
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const link = linkTypes[u32(20) & 0xffff];
  if (!link) return yield `link type ${u32(20) & 0xffff} is unknown`;
  for (let at = 24; at < bytes.length; ) {
    if (at + 16 > bytes.length || at + 16 + u32(at + 8) > bytes.length) return yield 'the capture is cut off';
    const time = u32(at) + u32(at + 4) / fraction;
    const packet = bytes.subarray(at + 16, at + 16 + u32(at + 8));
    at += 16 + packet.length;
    const segment = tcpOf(packet, link);
    if (segment) yield { time, ...segment };
  }
}

function tcpOf(packet: Buffer, link: { header: number; etherType?: number }): Omit<Segment, 'time'> | undefined {
  let start = link.header;
  // One VLAN tag of Ethernet.
  if (link.etherType === 12 && packet.length > 18 && packet.readUInt16BE(12) === 0x8100) start += 4;
  const ip = packet.subarray(start);
  if (ip.length < 20) return undefined;
  const version = ip[0] >> 4;
  if (version === 4) {
    const header = 4 * (ip[0] & 15);
    const fragmented = (ip.readUInt16BE(6) & 0x3fff) !== 0;
    if (ip[9] !== 6 || fragmented || ip.length < header) return undefined;
    // Captures of segments that the network card cuts up have no total length.
    const end = ip.readUInt16BE(2) || ip.length;
    return segmentOf(ip.subarray(header, end), ip.subarray(12, 16), ip.subarray(16, 20));
  }
  if (version !== 6 || ip.length < 40 || ip[6] !== 6) return undefined;
  return segmentOf(ip.subarray(40, 40 + ip.readUInt16BE(4)), ip.subarray(8, 24), ip.subarray(24, 40));
}

function segmentOf(tcp: Buffer, source: Uint8Array, destination: Uint8Array): Omit<Segment, 'time'> | undefined {
  if (tcp.length < 20) return undefined;
  const end = (address: Uint8Array, port: number) => `${formatAddress(addressFromBytes(address.slice()))}:${port}`;
  return {
    from: end(source, tcp.readUInt16BE(0)),
    to: end(destination, tcp.readUInt16BE(2)),
    sequence: tcp.readUInt32BE(4),
    syn: (tcp[13] & 2) !== 0,
    payload: tcp.subarray(4 * (tcp[12] >> 4)),
  };
}

function withoutPort(end: string): string {
  return end.slice(0, end.lastIndexOf(':'));
}
