import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addOffset,
  addressFromBytes,
  compareAddresses,
  formatAddress,
  formatPrefix,
  ipv4FromNumber,
  ipv4ToNumber,
  offsetFrom,
  parseAddress,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
  prefixOf,
} from './index.ts';

const anyAddress = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(addressFromBytes);

describe('addresses', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['fe80::', 'fe80::'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ])('%s is written %s', (text, canonical) => {
    expect(formatAddress(parseAddress(text)!)).toBe(canonical);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.4/24',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'fe80::1%eth0',
    '1.2.3.4::',
    'g::',
  ])('refuses %j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('parses what it formats', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });

  it('is total over text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcdef:./g'), maxLength: 48 }), (text) => {
        const address = parseAddress(text);
        if (address) expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });

  it('adds and measures offsets', () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(), (base, offset) => {
        const moved = addOffset(base, offset);
        if (moved) {
          expect(offsetFrom(base, moved)).toBe(offset);
          expect(Math.sign(compareAddresses(moved, base))).toBe(Math.sign(offset));
        }
      }),
    );
    expect(addOffset(parseAddress('255.255.255.255')!, 1)).toBeUndefined();
    expect(offsetFrom(parseAddress('10.0.0.2')!, parseAddress('10.0.0.1')!)).toBeUndefined();
    expect(formatAddress(ipv4FromNumber(ipv4ToNumber(parseAddress('200.1.2.3')!)))).toBe('200.1.2.3');
  });
});

describe('prefixes', () => {
  it.each(['10.0.0.0/8', '0.0.0.0/0', '10.1.2.3/32', '::/0', '2001:db8::/32'])('reads %s', (text) => {
    expect(formatPrefix(parsePrefix(text)!)).toBe(text);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.1/8', '10.0.0.0/08', '10.0.0.0/-1', '::/129', '/8', '10.0.0.0/'])(
    'refuses %j',
    (text) => {
      expect(parsePrefix(text)).toBeUndefined();
    },
  );

  it('contains an address exactly when the first bits agree', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, fc.nat(128), (a, b, n) => {
        const length = Math.min(n, a.bytes.length * 8);
        const inside = prefixContains(prefixOf(a, length), b);
        const same =
          a.family === b.family && compareAddresses(prefixOf(a, length).address, prefixOf(b, length).address) === 0;
        expect(inside).toBe(same);
      }),
    );
  });

  it('knows overlap', () => {
    const overlap = (a: string, b: string) => prefixesOverlap(parsePrefix(a)!, parsePrefix(b)!);
    expect(overlap('10.0.0.0/8', '10.9.0.0/16')).toBe(true);
    expect(overlap('10.9.0.0/16', '10.0.0.0/8')).toBe(true);
    expect(overlap('10.0.0.0/16', '10.1.0.0/16')).toBe(false);
    expect(overlap('0.0.0.0/0', '::/0')).toBe(false);
  });
});
