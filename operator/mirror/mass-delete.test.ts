import { expect, test } from 'vitest';
import { isMassDelete } from './mass-delete.ts';

test.each([
  [50, 50, false],
  [51, 51, true],
  [1000, 100, false],
  [1000, 101, true],
  [0, 0, false],
])('of %i, %i vanish: held %s', (stored, vanishing, held) => {
  expect(isMassDelete(stored, vanishing)).toBe(held);
});
