import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Capability } from './capabilities.ts';
import { initialContext } from './context.ts';
import { decodeMessage, encodeMessage, type Message } from './message.ts';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const family = { afi: u16, safi: u8 };
const few = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 4 });

const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ name: fc.constant('multiprotocol' as const), ...family }),
  fc.constantFrom<Capability>({ name: 'routeRefresh' }, { name: 'extendedMessage' }, { name: 'enhancedRouteRefresh' }),
  fc.record({
    name: fc.constant('extendedNextHop' as const),
    entries: fc.array(fc.record({ afi: u16, safi: u16, nextHopAfi: u16 }), { maxLength: 3 }),
  }),
  fc.record({ name: fc.constant('bgpRole' as const), role: u8 }),
  fc.record({
    name: fc.constant('gracefulRestart' as const),
    restarting: fc.boolean(),
    notification: fc.boolean(),
    restartTimeSeconds: fc.nat(4095),
    families: few(fc.record({ ...family, forwardingKept: fc.boolean() })),
  }),
  fc.record({ name: fc.constant('fourOctetAs' as const), asNumber: fc.integer({ min: 1, max: 0xffffffff }) }),
  fc.record({ name: fc.constant('addPath' as const), families: few(fc.record({ ...family, mode: u8 })) }),
  fc.record({
    name: fc.constant('longLivedGracefulRestart' as const),
    families: few(fc.record({ ...family, forwardingKept: fc.boolean(), staleTimeSeconds: fc.nat(0xffffff) })),
  }),
  fc.record({
    name: fc.constant('unknown' as const),
    code: fc.integer({ min: 128, max: 255 }),
    value: fc.uint8Array(),
  }),
);

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('open' as const),
    asNumber: fc.integer({ min: 1, max: 0xffff }),
    holdTimeSeconds: u16.filter((seconds) => seconds === 0 || seconds >= 3),
    bgpIdentifier: fc.integer({ min: 1, max: 0xffffffff }),
    // More than 255 octets take the form of RFC 9072.
    capabilities: fc.array(capability, { maxLength: 40 }),
  }),
  fc.record({
    type: fc.constant('notification' as const),
    code: u8,
    subcode: u8,
    data: fc.uint8Array({ maxLength: 300 }),
  }),
  fc.record({ type: fc.constant('routeRefresh' as const), afi: u16, subtype: u8, safi: u8 }),
  fc.constant<Message>({ type: 'keepalive' }),
);

it('encoding and decoding a message that is no UPDATE gives it back, and its octets again', () => {
  fc.assert(
    fc.property(message, (value) => {
      const octets = encodeMessage(value, initialContext);
      fc.pre(octets.length <= 4096);
      const decoded = decodeMessage(octets, initialContext);
      expect(decoded).toEqual({ ok: true, message: value, faults: [] });
      if (decoded.ok) expect(encodeMessage(decoded.message, initialContext)).toEqual(octets);
    }),
    { numRuns: 2000 },
  );
});
