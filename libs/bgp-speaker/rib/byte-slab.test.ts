import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteSlab } from './byte-slab.ts';

it('keeps each string through growth, removal and compaction', () => {
  const step = fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 700 }));
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 300 }), (steps) => {
      const slab = new ByteSlab();
      const model = new Map<number, Uint8Array>();
      for (const [i, [number, length]] of steps.entries()) {
        if (model.delete(number)) {
          slab.remove(number);
          continue;
        }
        const source = Uint8Array.from({ length: length + 4 }, (_, at) => (at * 7 + i) & 255);
        slab.set(number, source, 2, 2 + length);
        model.set(number, source.slice(2, 2 + length));
      }
      for (const [number, bytes] of model) {
        expect(slab.copy(number)).toEqual(bytes);
        expect(slab.equals(number, bytes, 0, bytes.length)).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

it('does not grow when strings come and go', () => {
  const slab = new ByteSlab();
  for (let i = 0; i < 20_000; i++) {
    slab.set(i % 10, new Uint8Array(100), 0, 100);
    slab.remove(i % 10);
  }
  expect(slab.bytes.length).toBeLessThanOrEqual(4096);
});
