import { expect, it } from 'vitest';
import { nextPause } from './pace.ts';

const gathering = { least: 20, most: 100 };
const after = (start: number, utilizations: readonly number[]) =>
  utilizations.reduce((pause, utilization) => nextPause(pause, utilization, gathering), start);

it('gathers for longer while the process is busy, within what is allowed', () => {
  expect(after(20, [0.9])).toBe(30);
  expect(after(20, [0.9, 0.9, 0.9, 0.9, 0.9, 0.9])).toBe(100);
});

it('gathers for less when it is not, within what is allowed', () => {
  expect(after(100, [0.1])).toBe(75);
  expect(after(100, [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])).toBe(20);
});
