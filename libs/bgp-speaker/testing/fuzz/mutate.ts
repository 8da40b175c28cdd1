import type { Random } from './random.ts';
import { realMessages } from './real-messages.ts';

const corpus = realMessages.map((hex) => Buffer.from('ff'.repeat(16) + hex, 'hex'));
/** Numbers at which decoders go wrong. */
const edges = [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 33, 63, 64, 127, 128, 129, 254, 255];

/**
 * A real message with some octets changed, put in, left out or doubled: mostly behind the header, whose length then
 * fits. One in ten is as it was.
 */
export function nextMessage(random: Random): Buffer {
  const real = corpus[random(corpus.length)];
  if (random(10) === 0) return real;
  let body: Buffer = Buffer.from(real.subarray(19));
  for (let changes = 1 + random(2); changes > 0; changes--) body = change(body, random);
  const header = Buffer.from(real.subarray(0, 19));
  header.writeUInt16BE(Math.min(4096, 19 + body.length), 16);
  if (random(60) === 0) header[random(19)] ^= 1 << random(8);
  return Buffer.concat([header, body.subarray(0, 4096 - 19)]);
}

function change(body: Buffer, random: Random): Buffer {
  if (body.length === 0) return random(20) === 0 ? Buffer.from([random(256)]) : body;
  const at = random(body.length);
  switch (random(16)) {
    case 0:
      body[at] ^= 1 << random(8);
      return body;
    case 1:
      body[at] = edges[random(edges.length)];
      return body;
    case 2:
      body[at] = random(256);
      return body;
    case 3:
      return Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + random(4))]);
    case 4:
      return Buffer.concat([body.subarray(0, at), Buffer.from([random(256)]), body.subarray(at)]);
    case 5: {
      const copied = body.subarray(at, at + random(40));
      return Buffer.concat([body.subarray(0, at), copied, body.subarray(at)]);
    }
    case 6: {
      const other = corpus[random(corpus.length)].subarray(19);
      return Buffer.concat([body.subarray(0, at), other.subarray(random(other.length + 1))]);
    }
    default:
      return changeAttributes(body, random);
  }
}

/** Takes the attributes of an UPDATE apart, changes one as a whole, and puts them together with lengths that fit. */
function changeAttributes(body: Buffer, random: Random): Buffer {
  const parts = attributesOf(body);
  if (!parts || parts.attributes.length === 0) return body;
  const { before, attributes, nlri } = parts;
  const i = random(attributes.length);
  const one = Buffer.from(attributes[i]);
  switch (random(7)) {
    case 0:
      attributes.splice(i, 1);
      break;
    case 1:
      attributes.splice(random(attributes.length + 1), 0, one);
      break;
    case 2:
      one[0] = random(256) & 0xef;
      attributes[i] = one;
      break;
    case 3:
      one[1] = random(4) === 0 ? random(256) : random(36);
      attributes[i] = one;
      break;
    case 4:
      attributes[i] = withValue(one, one.subarray(3, 3 + random(one.length - 2)));
      break;
    case 5:
      attributes[i] = withValue(one, Buffer.concat([one.subarray(3), Buffer.alloc(1 + random(20), random(256))]));
      break;
    default:
      one[3 + random(Math.max(1, one.length - 3))] = edges[random(edges.length)];
      attributes[i] = one;
  }
  const list = Buffer.concat(attributes);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(list.length & 0xffff);
  return Buffer.concat([before, length, list, nlri]);
}

function withValue(attribute: Buffer, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([attribute[0], attribute[1], value.length & 255]), value]);
}

/** The attributes of an UPDATE whose lengths fit and take one octet each. */
function attributesOf(body: Buffer): { before: Buffer; attributes: Buffer[]; nlri: Buffer } | undefined {
  if (body.length < 4) return undefined;
  const start = 2 + body.readUInt16BE(0);
  if (start + 2 > body.length) return undefined;
  const end = start + 2 + body.readUInt16BE(start);
  if (end > body.length) return undefined;
  const attributes: Buffer[] = [];
  for (let at = start + 2; at < end; ) {
    const next = at + 3 + (at + 2 < end ? body[at + 2] : 0);
    if (body[at] & 0x10 || next > end) return undefined;
    attributes.push(body.subarray(at, next));
    at = next;
  }
  return { before: body.subarray(0, start), attributes, nlri: body.subarray(end) };
}
