import { decodeMessage, frame, initialContext, messageTypes } from 'bgp-parser';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fuzz } from './testing/fuzz/fuzz.ts';
import { nextMessage } from './testing/fuzz/mutate.ts';
import { randomOf } from './testing/fuzz/random.ts';
import { judgeUpdate } from './testing/fuzz/verdict.ts';

it('two hundred thousand mutated messages of real routers end as many sessions as RFC 7606 asks for, and no more', () => {
  const { verdicts } = fuzz({ seed: 20260101, messages: 200_000 });
  for (const count of Object.values(verdicts)) expect(count).toBeGreaterThan(10_000);
}, 300_000);

/** An attribute of any flags, code and value; its length fits, or does not. */
const attribute = fc
  .tuple(
    fc.constantFrom(0x40, 0x80, 0xc0, 0xe0, 0x50, 0x00),
    fc.oneof(fc.integer({ min: 0, max: 40 }), fc.nat(255)),
    fc.oneof(
      fc.uint8Array({ maxLength: 24 }),
      fc.constantFrom(
        Uint8Array.of(0),
        Uint8Array.of(2, 1, 0, 0, 0xfd, 0xe9),
        Uint8Array.of(10, 99, 1, 2),
        Uint8Array.of(0, 1, 1, 4, 10, 99, 1, 2, 0, 24, 192, 0, 2),
      ),
    ),
    fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -2, max: 3 }) }),
  )
  .map(([flags, code, value, wrong]) => {
    const length = Math.max(0, value.length + wrong);
    return flags & 0x10 ? [flags, code, 0, length, ...value] : [flags, code, length, ...value];
  });
const plain = [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9, 0x40, 3, 4, 10, 99, 1, 2];
const prefixes = fc.oneof(
  fc.constantFrom<number[]>([], [24, 192, 0, 2], [0], [33, 1, 2, 3, 4, 5], [24, 192]),
  fc.uint8Array({ maxLength: 6 }).map((bytes) => [...bytes]),
);

it('the codec and a second judge agree on any UPDATE', () => {
  fc.assert(
    fc.property(
      prefixes,
      fc.boolean(),
      fc.array(attribute, { maxLength: 5 }),
      prefixes,
      (withdrawn, whole, more, nlri) => {
        const attributes = [...(whole ? plain : []), ...more.flat()];
        const u16 = (value: number) => [value >> 8, value & 255];
        const body = [...u16(withdrawn.length), ...withdrawn, ...u16(attributes.length), ...attributes, ...nlri];
        const decoded = decodeMessage(frame(messageTypes.update, Uint8Array.from(body)), initialContext);
        const withdraws = decoded.ok && decoded.faults.some(({ kind }) => kind === 'treatAsWithdraw');
        expect(decoded.ok ? (withdraws ? 'withdraw' : 'accept') : 'reset').toBe(judgeUpdate(Buffer.from(body)));
      },
    ),
    { numRuns: 20_000 },
  );
}, 120_000);

it('the messages are the same for the same seed', () => {
  const messages = (seed: number) => {
    const random = randomOf(seed);
    return Array.from({ length: 50 }, () => nextMessage(random).toString('hex'));
  };
  expect(messages(7)).toEqual(messages(7));
  expect(messages(8)).not.toEqual(messages(7));
});
