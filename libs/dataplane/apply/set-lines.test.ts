import { expect, test } from 'vitest';
import { setLines } from './set-lines.ts';

const set = (members: string[]) => ({
  name: 'cara4-n-a',
  temporaryName: 'cara4-t-a',
  type: 'hash:net' as const,
  members: new Set(members),
});
const changes = (members: Iterable<[string, boolean]>, isNew = false) => ({ members: new Map(members), isNew });
const texts = (result: ReturnType<typeof setLines>) => result.lines.map(({ line }) => line);

test('a set that is not there is made with its members', () => {
  expect(texts(setLines(set(['10.0.0.1']), changes([['10.0.0.1', true]], true), undefined))).toEqual([
    'create cara4-n-a hash:net family inet maxelem 1048576',
    'add cara4-n-a 10.0.0.1',
  ]);
});

test('few changes are made in place, deletions first', () => {
  const result = setLines(
    set(['10.0.0.2']),
    changes([
      ['10.0.0.2', true],
      ['10.0.0.1', false],
    ]),
    1048576,
  );
  expect(texts(result)).toEqual(['del cara4-n-a 10.0.0.1', 'add cara4-n-a 10.0.0.2']);
});

test('a new set of the name of an old one is built beside it and swapped in', () => {
  expect(texts(setLines(set(['10.0.0.1']), changes([['10.0.0.1', true]], true), 1048576))).toEqual([
    'destroy cara4-t-a',
    'create cara4-t-a hash:net family inet maxelem 1048576',
    'add cara4-t-a 10.0.0.1',
    'swap cara4-t-a cara4-n-a',
    'destroy cara4-t-a',
  ]);
});

test('so are more than a thousand changes, with all members', () => {
  const members = Array.from({ length: 1001 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  const lines = texts(setLines(set([...members, '10.9.9.9']), changes(members.map((m) => [m, true])), 1048576));
  expect(lines.length).toBe(1002 + 4);
  expect(lines.at(-2)).toBe('swap cara4-t-a cara4-n-a');
});

test('a set that outgrows its room gets more', () => {
  const members = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
  const result = setLines(set(members), changes([['10.0.0.3', true]]), 2);
  expect(result.maxElements).toBe(1048576);
  expect(texts(result)[1]).toBe('create cara4-t-a hash:net family inet maxelem 1048576');
});
