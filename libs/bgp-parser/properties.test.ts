import { addressFromBytes, prefixOf } from '@caracal/net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AsPath, PathAttributes } from './attributes/value.ts';
import { type DecodeContext, initialContext, type RouteFamily } from './context.ts';
import { createFramer } from './framer.ts';
import { decodeMessage, encodeMessage, frame, type Message } from './message.ts';

const u32 = fc.nat(0xffffffff);
const asNumber = fc.integer({ min: 1, max: 0xffffffff });
const address = (octets: 4 | 16) => fc.uint8Array({ minLength: octets, maxLength: octets }).map(addressFromBytes);

const asPath: fc.Arbitrary<AsPath> = fc.array(
  fc.record({
    type: fc.constantFrom('set', 'sequence', 'confedSequence', 'confedSet'),
    asNumbers: fc.array(asNumber, { minLength: 1, maxLength: 8 }),
  }),
  { maxLength: 4 },
);

const nlri = (octets: 4 | 16, withPathId: boolean) =>
  fc
    .tuple(address(octets), fc.nat(8 * octets), u32)
    .map(([a, length, pathId]) =>
      withPathId ? { prefix: prefixOf(a, length), pathId } : { prefix: prefixOf(a, length) },
    );

const context: fc.Arbitrary<DecodeContext> = fc.record({
  fourOctetAs: fc.constant(true),
  external: fc.constant(false),
  addPath: fc.subarray<RouteFamily>(['ipv4Unicast', 'ipv6Unicast']),
  extendedMessage: fc.constant(true),
  confederation: fc.constant(true),
});

function update(c: DecodeContext): fc.Arbitrary<Message> {
  const ipv4 = nlri(4, c.addPath.includes('ipv4Unicast'));
  const ipv6 = nlri(16, c.addPath.includes('ipv6Unicast'));
  const attributes: fc.Arbitrary<PathAttributes> = fc.record(
    {
      origin: fc.nat(2),
      asPath,
      nextHop: address(4),
      med: u32,
      localPref: u32,
      atomicAggregate: fc.constant(true as const),
      aggregator: fc.record({ asNumber, address: address(4) }),
      communities: fc.array(u32, { minLength: 1, maxLength: 80 }),
      originatorId: u32,
      clusterList: fc.array(u32, { minLength: 1, maxLength: 5 }),
      mpReach: fc.record({
        family: fc.constant('ipv6Unicast' as const),
        nextHops: fc.array(address(16), { minLength: 1, maxLength: 2 }),
        nlri: fc.array(ipv6, { maxLength: 5 }),
      }),
      mpUnreach: fc.record({ family: fc.constant('ipv6Unicast' as const), nlri: fc.array(ipv6, { maxLength: 5 }) }),
      extendedCommunities: fc.array(fc.bigInt(0n, 0xffffffffffffffffn), { minLength: 1, maxLength: 5 }),
      ipv6ExtendedCommunities: fc.array(fc.uint8Array({ minLength: 20, maxLength: 20 }), {
        minLength: 1,
        maxLength: 3,
      }),
      largeCommunities: fc.uniqueArray(fc.tuple(u32, u32, u32), { minLength: 1, maxLength: 5, selector: String }),
      onlyToCustomer: u32,
      unknown: fc
        .uniqueArray(
          fc.record({
            code: fc.integer({ min: 200, max: 250 }),
            flags: fc.constantFrom(0xc0, 0xe0),
            value: fc.uint8Array(),
          }),
          { minLength: 1, maxLength: 3, selector: (attribute) => attribute.code },
        )
        .map((list) => list.sort((a, b) => a.code - b.code)),
    },
    { requiredKeys: ['origin', 'asPath', 'nextHop'] },
  );
  return fc.record({
    type: fc.constant('update' as const),
    withdrawn: fc.array(ipv4, { maxLength: 5 }),
    attributes,
    announced: fc.array(ipv4, { maxLength: 5 }),
  });
}

it('encoding and decoding an UPDATE gives it back', () => {
  fc.assert(
    fc.property(
      context.chain((c) => fc.tuple(fc.constant(c), update(c))),
      ([c, message]) => {
        expect(decodeMessage(encodeMessage(message, c), c)).toEqual({ ok: true, message, faults: [] });
      },
    ),
  );
});

it('a path survives a two-octet session', () => {
  fc.assert(
    fc.property(fc.array(asNumber, { minLength: 1, maxLength: 20 }), (asNumbers) => {
      const c = { ...initialContext, fourOctetAs: false };
      const attributes = {
        origin: 0,
        asPath: [{ type: 'sequence' as const, asNumbers }],
        nextHop: addressFromBytes(Uint8Array.of(10, 0, 0, 1)),
      };
      const message: Message = { type: 'update', withdrawn: [], attributes, announced: [] };
      expect(decodeMessage(encodeMessage(message, c), c)).toEqual({ ok: true, message, faults: [] });
    }),
  );
});

it('no bytes make it throw, and what it accepts it can write', () => {
  fc.assert(
    fc.property(context, fc.nat(6), fc.uint8Array({ maxLength: 120 }), fc.boolean(), (c, type, body, fourOctetAs) => {
      const decoded = decodeMessage(frame(type, body), { ...c, fourOctetAs });
      if (decoded.ok) encodeMessage(decoded.message, c);
    }),
    { numRuns: 5000 },
  );
});

it('changed bytes of a real UPDATE make it neither throw nor answer with anything but a NOTIFICATION of its kind', () => {
  fc.assert(
    fc.property(
      context.chain((c) => fc.tuple(fc.constant(c), update(c))),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      ([c, message], changes) => {
        const bytes = encodeMessage(message, c);
        for (const [at, value] of changes) bytes[19 + (at % (bytes.length - 19))] = value;
        const decoded = decodeMessage(bytes, c);
        if (!decoded.ok) expect(decoded.error.code).toBe(3);
      },
    ),
    { numRuns: 2000 },
  );
});

it('messages come out of a stream whole, however it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 }),
      (bodies, cuts) => {
        const messages = bodies.map((body) => frame(3, Uint8Array.of(6, 2, ...body)));
        const stream = Uint8Array.from(messages.flatMap((message) => [...message]));
        const framer = createFramer();
        const out: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const end = at + cuts[i % cuts.length];
          framer.push(stream.subarray(at, end));
          at = end;
          for (let next = framer.next(initialContext); next; next = framer.next(initialContext)) {
            if (next instanceof Uint8Array) out.push(next);
          }
        }
        expect(out).toEqual(messages);
      },
    ),
  );
});
