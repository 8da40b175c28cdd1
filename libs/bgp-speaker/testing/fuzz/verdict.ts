/**
 * What an RFC asks for when an external four-octet peer, with IPv4 and IPv6 unicast, sends these octets in Established: a
 * second judge of messages, which shares no code with the codec. It says nothing about routes that are well-formed but
 * not wanted (loops, next hops).
 */
export type Verdict = 'accept' | 'withdraw' | 'reset';

interface Known {
  /** The Optional and Transitive bits. */
  readonly flags: number;
  readonly wellFormed: (value: Buffer) => boolean;
  /** Left out when malformed, in place of withdrawing the routes. */
  readonly discard?: true;
  /** Left out whatever it is, as it comes from another AS. */
  readonly ignored?: true;
}

const length = (octets: number) => (value: Buffer) => value.length === octets;
const listOf = (octets: number) => (value: Buffer) => value.length > 0 && value.length % octets === 0;

/** RFC 7606 section 7, RFC 8092, 9234, 6793, 7607, 5065; MP attributes are judged apart. */
const known = new Map<number, Known>([
  [1, { flags: 0x40, wellFormed: (value) => value.length === 1 && value[0] <= 2 }],
  [2, { flags: 0x40, wellFormed: isPath }],
  [3, { flags: 0x40, wellFormed: length(4) }],
  [4, { flags: 0x80, wellFormed: length(4) }],
  [5, { flags: 0x40, wellFormed: length(4), ignored: true }],
  [6, { flags: 0x40, wellFormed: length(0), discard: true }],
  [7, { flags: 0xc0, wellFormed: (value) => value.length === 8 && value.readUInt32BE(0) > 0, discard: true }],
  [8, { flags: 0xc0, wellFormed: listOf(4) }],
  [9, { flags: 0x80, wellFormed: length(4), ignored: true }],
  [10, { flags: 0x80, wellFormed: listOf(4), ignored: true }],
  [16, { flags: 0xc0, wellFormed: listOf(8) }],
  [17, { flags: 0xc0, wellFormed: () => true, ignored: true }],
  [18, { flags: 0xc0, wellFormed: () => true, ignored: true }],
  [25, { flags: 0xc0, wellFormed: listOf(20) }],
  [32, { flags: 0xc0, wellFormed: listOf(12) }],
  [35, { flags: 0xc0, wellFormed: length(4) }],
]);

/** A path of an external peer that is no confederation's, without AS 0. */
function isPath(value: Buffer): boolean {
  for (let at = 0; at < value.length; ) {
    const [type, count] = [value[at], value[at + 1]];
    const end = at + 2 + 4 * count;
    if ((type !== 1 && type !== 2) || !count || end > value.length) return false;
    for (let as = at + 2; as < end; as += 4) if (value.readUInt32BE(as) === 0) return false;
    at = end;
  }
  return true;
}

function arePrefixes(bytes: Buffer, bits: number): boolean {
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] > bits) return false;
    at += 1 + Math.ceil(bytes[at] / 8);
  }
  return at === bytes.length;
}

/** The AFI as bits of an address, when routes of it are read; SAFI unicast. */
const bitsOf = (value: Buffer) => (value[2] !== 1 ? 0 : { 1: 32, 2: 128 }[value.readUInt16BE(0)]) ?? 0;

/** RFC 7606 sections 5.3 and 7.11; answers undefined for what resets, else whether there are prefixes. */
function reaches(value: Buffer): boolean | undefined {
  if (value.length < 5) return undefined;
  const bits = bitsOf(value);
  const start = 5 + value[3];
  if (start > value.length) return undefined;
  if (bits === 0) return start < value.length;
  if (bits === 32 ? value[3] !== 4 : value[3] !== 16 && value[3] !== 32) return undefined;
  return arePrefixes(value.subarray(start), bits) ? start < value.length : undefined;
}

function isUnreach(value: Buffer): boolean {
  return value.length >= 3 && (bitsOf(value) === 0 || arePrefixes(value.subarray(3), bitsOf(value)));
}

export function judgeUpdate(body: Buffer): Verdict {
  const withdrawnEnd = 2 + body.readUInt16BE(0);
  if (withdrawnEnd + 2 > body.length) return 'reset';
  const attributesEnd = withdrawnEnd + 2 + body.readUInt16BE(withdrawnEnd);
  if (attributesEnd > body.length) return 'reset';
  const nlri = body.subarray(attributesEnd);
  if (!arePrefixes(body.subarray(2, withdrawnEnd), 32) || !arePrefixes(nlri, 32)) return 'reset';

  const list = body.subarray(withdrawnEnd + 2, attributesEnd);
  const seen = new Set<number>();
  let malformed = false;
  let reachable = nlri.length > 0;
  let classic = nlri.length > 0;
  let multiprotocol = false;
  for (let at = 0; at < list.length; ) {
    const wide = (list[at] & 0x10) !== 0;
    const start = at + (wide ? 4 : 3);
    if (start > list.length) {
      malformed = true;
      break;
    }
    const [flags, code] = [list[at] & 0xc0, list[at + 1]];
    const end = start + (wide ? list.readUInt16BE(at + 2) : list[at + 2]);
    const value = list.subarray(start, end);
    const mp = code === 14 || code === 15;
    if (end > list.length) {
      if (mp) return 'reset';
      malformed = true;
      seen.add(code);
      break;
    }
    at = end;
    if (seen.has(code)) {
      if (mp) return 'reset';
      continue;
    }
    seen.add(code);
    if (mp) {
      const reached = code === 14 ? reaches(value) : isUnreach(value) ? false : undefined;
      if (reached === undefined) return 'reset';
      if (reached) {
        reachable = true;
        multiprotocol = true;
      }
      if (flags !== 0x80) malformed = true;
      continue;
    }
    const row = known.get(code);
    if (!row) {
      if ((flags & 0x80) === 0) return 'reset';
      continue;
    }
    if (row.ignored) continue;
    if (!row.wellFormed(value)) malformed ||= !row.discard;
    else if (flags !== row.flags) malformed = true;
  }
  if (reachable && (!seen.has(1) || !seen.has(2))) malformed = true;
  if (classic && !seen.has(3)) malformed = true;
  classic = classic || multiprotocol;
  if (!malformed) return 'accept';
  return classic ? 'withdraw' : 'reset';
}

/** The verdict on a whole message, header included. */
export function judge(message: Buffer): Verdict {
  for (let i = 0; i < 16; i++) if (message[i] !== 0xff) return 'reset';
  const size = message.readUInt16BE(16);
  const type = message[18];
  if (size < 19 || size > 4096) return 'reset';
  // The rest is waited for.
  if (size > message.length) return 'accept';
  if (type === 2) return size < 23 ? 'reset' : judgeUpdate(message.subarray(19, size));
  if (type === 4) return size === 19 ? 'accept' : 'reset';
  if (type === 5) return size >= 23 ? 'accept' : 'reset';
  // An OPEN, a NOTIFICATION, or no message at all: the session ends.
  return 'reset';
}
