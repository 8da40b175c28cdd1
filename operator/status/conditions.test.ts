import { expect, test } from 'vitest';
import { says, stamp } from './conditions.ts';

const ready = { type: 'Ready', status: 'True', reason: 'Stored', message: 'is in force' } as const;

test('the time of a condition moves with its status alone', () => {
  const first = stamp([ready], undefined, 't1');
  expect(first).toEqual([{ ...ready, lastTransitionTime: 't1' }]);
  const again = stamp([{ ...ready, message: 'still' }], { conditions: first }, 't2');
  expect(again).toEqual([{ ...ready, message: 'still', lastTransitionTime: 't1' }]);
  expect(stamp([{ ...ready, status: 'False' }], { conditions: again }, 't3')[0].lastTransitionTime).toBe('t3');
});

test('a status that says the same is not written again', () => {
  const status = { conditions: stamp([ready], undefined, 't1'), used: 3, other: 'of somebody else' };
  expect(says(status, { used: 3, conditions: stamp([ready], status, 't2') })).toBe(true);
  expect(says(status, { used: 4 })).toBe(false);
  expect(says(status, { conditions: stamp([{ ...ready, reason: 'Other' }], status, 't2') })).toBe(false);
  expect(says(undefined, { used: 0 })).toBe(false);
});
