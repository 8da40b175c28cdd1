import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findRefused } from './bisect.ts';

test('finds exactly the refused items, with few questions', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 200 }), async (bad) => {
      const items = bad.map((_, index) => index);
      let questions = 0;
      const refused = await findRefused(items, async (group) => {
        questions++;
        return !group.some((item) => bad[item]);
      });
      const expected = items.filter((item) => bad[item]);
      expect(refused).toEqual(expected);
      expect(questions).toBeLessThanOrEqual(1 + 2 * expected.length * (Math.ceil(Math.log2(items.length || 1)) + 1));
    }),
  );
});
