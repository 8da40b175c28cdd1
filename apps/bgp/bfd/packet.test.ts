import { describe, expect, it } from 'vitest';
import { type ControlPacket, decodePacket, encodePacket } from './packet.ts';

const packet: ControlPacket = {
  diagnostic: 3,
  state: 'Up',
  poll: true,
  final: false,
  demand: false,
  multiplier: 3,
  myDiscriminator: 0x01020304,
  yourDiscriminator: 0xfffefdfc,
  desiredMinTxUs: 300_000,
  requiredMinRxUs: 1_000_000,
};
// Version 1, diagnostic 3; Up and P; multiplier; length; discriminators; intervals in microseconds; no echo.
const bytes = Uint8Array.from(
  Buffer.from('23e00318' + '01020304' + 'fffefdfc' + '000493e0' + '000f4240' + '00000000', 'hex'),
);

describe('a BFD control packet (RFC 5880 section 4.1)', () => {
  it('is read as it is written', () => {
    expect(encodePacket(packet)).toEqual(bytes);
    expect(decodePacket(bytes)).toEqual(packet);
    expect(decodePacket(Uint8Array.of(...bytes, 1, 2))).toEqual(packet);
  });

  it.each<[string, (copy: Uint8Array) => Uint8Array | undefined]>([
    ['another version', (copy) => copy.fill(0x43, 0, 1)],
    ['a length below 24', (copy) => copy.fill(23, 3, 4)],
    ['a length beyond the datagram', (copy) => copy.fill(25, 3, 4)],
    ['a datagram that is too short', (copy) => copy.subarray(0, 23)],
    ['a multiplier of 0', (copy) => copy.fill(0, 2, 3)],
    ['the M bit', (copy) => copy.fill(0xe1, 1, 2)],
    ['authentication, which is not in use', (copy) => copy.fill(0xe4, 1, 2)],
    ['no discriminator of the sender', (copy) => copy.fill(0, 4, 8)],
    ['none of ours although it is Up', (copy) => copy.fill(0, 8, 12)],
  ])('is discarded with %s (section 6.8.6)', (_what, spoil) => {
    expect(decodePacket(spoil(bytes.slice()) ?? bytes)).toBeUndefined();
  });

  it('may lack our discriminator while its sender is down', () => {
    const down = { ...packet, state: 'Down', yourDiscriminator: 0 } as const;
    expect(decodePacket(encodePacket(down))).toEqual(down);
  });
});
