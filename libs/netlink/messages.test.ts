import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RTM_NEWROUTE } from './constants.ts';
import { errnoName, netlinkError } from './errors.ts';
import { layout } from './layout.ts';
import { forEachAttribute, readString } from './reader.ts';
import { formatMac, MessageWriter, parseMac } from './writer.ts';

test('what is written is read back, several messages in one buffer, each padded to four bytes', () => {
  const attributes = fc.array(fc.tuple(fc.integer({ min: 1, max: 100 }), fc.uint8Array({ maxLength: 40 })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(fc.array(attributes, { minLength: 1, maxLength: 4 }), (messages) => {
      const writer = new MessageWriter();
      // Left over from an earlier send.
      writer.bytes.fill(0xff, 0, 4096);
      writer.reset();
      for (const [sequence, values] of messages.entries()) {
        writer.begin(RTM_NEWROUTE, 1, layout.rtmsg.size);
        for (const [type, value] of values) writer.attributeBytes(type, value);
        writer.end(sequence);
      }
      const view = new DataView(writer.bytes.buffer);
      let at = 0;
      for (const [sequence, values] of messages.entries()) {
        const end = at + view.getUint32(at + layout.nlmsghdr.nlmsg_len, true);
        expect(view.getUint32(at + layout.nlmsghdr.nlmsg_seq, true)).toBe(sequence);
        const read: [number, Uint8Array][] = [];
        const start = at + layout.nlmsghdr.size + layout.rtmsg.size;
        forEachAttribute(view, start, end, (type, offset, size) => {
          read.push([type, writer.bytes.slice(offset, offset + size)]);
        });
        expect(read).toEqual(values);
        at = end;
        expect(at % 4).toBe(0);
      }
      expect(at).toBe(writer.length);
    }),
  );
});

test('a nested attribute holds its own and is flagged', () => {
  const writer = new MessageWriter();
  writer.begin(RTM_NEWROUTE, 1, 0);
  const nested = writer.beginNested(7);
  writer.attributeString(1, 'eth0');
  writer.endNested(nested);
  writer.end(1);
  const view = new DataView(writer.bytes.buffer);
  expect(view.getUint16(nested + layout.nlattr.nla_type, true)).toBe(0x8007);
  forEachAttribute(view, nested, writer.length, (type, offset, size) => {
    expect([type, size]).toEqual([7, 12]);
    forEachAttribute(view, offset, offset + size, (_inner, at, length) => {
      expect(readString(writer.bytes, at, length)).toBe('eth0');
    });
  });
});

test('attributes of any bytes are read without leaving their bounds', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      forEachAttribute(new DataView(bytes.buffer), 0, bytes.length, (_type, offset, size) => {
        expect(size).toBeGreaterThanOrEqual(0);
        expect(offset + size).toBeLessThanOrEqual(bytes.length);
      });
    }),
  );
});

test('MAC addresses and errors as people write them', () => {
  expect(formatMac(parseMac('EE:00:01:0a:ff:10'))).toBe('ee:00:01:0a:ff:10');
  expect(() => parseMac('ee:00')).toThrow(/no MAC address like/);
  expect([errnoName(17), errnoName(9999)]).toEqual(['EEXIST', 'errno 9999']);
  expect(netlinkError('delete link x', 19, 'gone').message).toBe('cannot delete link x: ENODEV (gone)');
});
