import { expect, test } from 'vitest';
import { WorkQueue } from './queue.ts';

test('a key that fails waits longer each time, and a change brings it back at once', () => {
  let now = 0;
  const queue = new WorkQueue(() => now, { first: 100, last: 300 });
  queue.add('a');
  queue.add('a');
  expect(queue.take(10)).toEqual(['a']);
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    queue.failed('a');
    const start = now;
    while (queue.take(1).length === 0) now += 10;
    waits.push(now - start);
  }
  expect(waits).toEqual([100, 200, 300, 300]);
  queue.failed('a');
  queue.add('a');
  expect(queue.take(10)).toEqual(['a']);
  queue.succeeded('a');
  queue.failed('a');
  now += 100;
  expect(queue.take(10)).toEqual(['a']);
});

test('a look later never puts off an earlier one', () => {
  let now = 0;
  const queue = new WorkQueue(() => now);
  queue.add('a');
  queue.later('a', 1000);
  expect(queue.take(1)).toEqual(['a']);
  queue.later('a', 1000);
  expect(queue.take(1)).toEqual([]);
  now = 1000;
  expect(queue.take(1)).toEqual(['a']);
});
