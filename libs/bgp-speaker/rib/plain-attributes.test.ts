import { expect, it } from 'vitest';
import { PlainAttributes, scanPlainAttributes } from './plain-attributes.ts';

const origin = [0x40, 1, 1, 0];
const path = [0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9];
const nextHop = [0x40, 3, 4, 10, 0, 0, 2];

// Each of these is right or wrong in a way that only the codec knows how to grade (RFC 7606).
it.each([
  ['in order', [...origin, ...path, ...nextHop], true],
  ['an attribute twice', [...origin, ...origin, ...path, ...nextHop], false],
  ['out of order', [...path, ...origin, ...nextHop], false],
  ['an extended length', [0x50, 1, 0, 1, 0, ...path, ...nextHop], false],
  ['wrong flags', [0xc0, 1, 1, 0, ...path, ...nextHop], false],
  ['ORIGIN 3', [0x40, 1, 1, 3, ...path, ...nextHop], false],
  ['a path of AS 0', [...origin, 0x40, 2, 6, 2, 1, 0, 0, 0, 0, ...nextHop], false],
  ['a segment without AS numbers', [...origin, 0x40, 2, 2, 2, 0, ...nextHop], false],
  ['a segment that is cut off', [...origin, 0x40, 2, 6, 2, 2, 0, 0, 0xfd, 0xe9, ...nextHop], false],
  ['a NEXT_HOP of five octets', [...origin, ...path, 0x40, 3, 5, 10, 0, 0, 2, 1], false],
  ['communities of six octets', [...origin, ...path, ...nextHop, 0xc0, 8, 6, 0, 1, 0, 1, 0, 1], false],
  ['no communities in COMMUNITIES', [...origin, ...path, ...nextHop, 0xc0, 8, 0], false],
  ['NO_EXPORT', [...origin, ...path, ...nextHop, 0xc0, 8, 4, 0xff, 0xff, 0xff, 0x01], false],
  ['an unknown attribute', [...origin, ...path, ...nextHop, 0xc0, 200, 1, 0], false],
  ['a length past the end', [...origin, ...path, 0x40, 3, 5, 10, 0, 0, 2], false],
  ['two octets at the end', [...origin, ...path, ...nextHop, 0xc0, 8], false],
])('%s', (_, bytes, plain) => {
  expect(scanPlainAttributes(Uint8Array.from(bytes), 0, bytes.length, new PlainAttributes())).toBe(plain);
});
