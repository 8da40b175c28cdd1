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

test('waiting ends with a key, with the time of a key, or with the signal', async () => {
  const queue = new WorkQueue();
  const stop = new AbortController();
  const waiting = queue.wait(stop.signal);
  queue.add('a');
  await waiting;
  queue.take(1);
  queue.later('b', 20);
  await queue.wait(stop.signal);
  expect(queue.take(1)).toEqual(['b']);
  queue.later('c', 1e12);
  const last = queue.wait(stop.signal);
  stop.abort();
  await last;
});

test('as many keys as a large cluster has pods', async () => {
  const queue = new WorkQueue();
  for (let i = 0; i < 250_000; i++) queue.add(String(i));
  await queue.wait(new AbortController().signal);
  expect(queue.take(200)).toHaveLength(200);
});
