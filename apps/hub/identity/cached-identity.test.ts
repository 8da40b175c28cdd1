import { expect, test } from 'vitest';
import { cachedIdentity } from './cached-identity.ts';
import type { Identified } from './node-identity.ts';

const start = Date.UTC(2026, 0, 1);
/** A token as the API server makes them, but for its signature. */
const token = (expiresInMs: number, salt = '') =>
  `e30.${Buffer.from(JSON.stringify({ exp: (start + expiresInMs) / 1000, salt })).toString('base64url')}.x`;

function setup(keepMs = 30_000) {
  let elapsed = 0;
  let clockMs = start;
  const asked: string[] = [];
  let answer: Identified = { ok: true, node: 'n1' };
  const identity = cachedIdentity(
    {
      identify: async (given) => {
        asked.push(given);
        return answer;
      },
    },
    { keepMs, clock: { now: () => clockMs + elapsed, elapsed: () => elapsed } },
  );
  return {
    identify: (given: string) => identity.identify(given),
    asked,
    later: (ms: number) => {
      elapsed += ms;
    },
    clockSetBack: (ms: number) => {
      clockMs -= ms;
    },
    answers: (next: Identified) => {
      answer = next;
    },
  };
}

test('an answer counts for the time it is kept, for that token alone', async () => {
  const { identify, asked, later } = setup();
  const [first, second] = [token(3_600_000), token(3_600_000, 'another')];
  await Promise.all([identify(first), identify(first)]);
  await identify(first);
  expect(asked).toEqual([first]);
  await identify(second);
  expect(asked).toEqual([first, second]);
  later(30_000);
  expect(await identify(first)).toEqual({ ok: true, node: 'n1' });
  expect(asked).toEqual([first, second, first]);
});

test('an answer counts for no longer when the clock is set back', async () => {
  const { identify, asked, later, clockSetBack } = setup();
  const given = token(3_600_000);
  await identify(given);
  clockSetBack(3_600_000);
  later(29_999);
  await identify(given);
  expect(asked).toHaveLength(1);
  later(1);
  await identify(given);
  expect(asked).toHaveLength(2);
});

test('it never counts beyond the expiry of the token, which is refused without asking', async () => {
  const { identify, asked, later } = setup();
  const short = token(10_000);
  await identify(short);
  later(9_999);
  expect(await identify(short)).toMatchObject({ ok: true });
  later(2_001);
  expect(await identify(short)).toEqual({ ok: false, reason: 'refused', message: 'the token expired 2 s ago' });
  expect(asked).toHaveLength(1);
});

test('what says nothing of its expiry is asked for each time', async () => {
  const { identify, asked } = setup();
  for (const opaque of ['opaque', 'a.b.c', 'opaque']) await identify(opaque);
  expect(asked).toEqual(['opaque', 'a.b.c', 'opaque']);
});

test('a refusal counts for five seconds, an API server that is away not at all', async () => {
  const { identify, asked, later, answers } = setup();
  const foreign = token(3_600_000);
  answers({ ok: false, reason: 'unavailable', message: 'away' });
  await identify(foreign);
  answers({ ok: false, reason: 'refused', message: 'no' });
  await identify(foreign);
  later(4_999);
  await identify(foreign);
  expect(asked).toHaveLength(2);
  later(1);
  await identify(foreign);
  expect(asked).toHaveLength(3);
});
