import { expect, test } from 'vitest';
import { GroupWriter } from './group-writer.ts';
import type { WriteAnswer, WriteRequest } from './queries/write.ts';

const release = (cidr: string) => ({ op: 'release', cidr, node: 'n', incarnation: 'i' }) as const;
const cidrOf = (request: WriteRequest) => (request.op === 'release' ? request.cidr : '');

/** A database that answers when it is told to, with the cidr's number as revision. */
function database(fail: (cidrs: string[]) => Error | undefined = () => undefined) {
  const batches: string[][] = [];
  const waiting: (() => void)[] = [];
  const write = async (requests: readonly WriteRequest[]): Promise<WriteAnswer[]> => {
    const cidrs = requests.map(cidrOf);
    batches.push(cidrs);
    await new Promise<void>((resolve) => waiting.push(resolve));
    const error = fail(cidrs);
    if (error) throw error;
    return cidrs.map((cidr) => ({ revision: BigInt(cidr) }));
  };
  const answer = async () => {
    waiting.shift()?.();
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return { batches, write, answer };
}

test('the first request leaves at once, those that come meanwhile go together', async () => {
  const { batches, write, answer } = database();
  const sizes: number[] = [];
  const writer = new GroupWriter(write, (size) => sizes.push(size));
  const answers = ['1', '2', '3'].map((cidr) => writer.submit(release(cidr)));
  expect(batches).toEqual([['1']]);
  await answer();
  expect(batches).toEqual([['1'], ['2', '3']]);
  await answer();
  expect((await Promise.all(answers)).map(({ revision }) => revision)).toEqual([1n, 2n, 3n]);
  expect(sizes).toEqual([1, 2]);
});

test('a request that the database cannot take fails alone', async () => {
  const bad = Object.assign(new Error('invalid input syntax'), { code: '22P02' });
  const { write, answer } = database((cidrs) => (cidrs.includes('3') ? bad : undefined));
  const writer = new GroupWriter(write);
  const answers = Promise.allSettled(['1', '2', '3', '4'].map((cidr) => writer.submit(release(cidr))));
  for (let i = 0; i < 5; i++) await answer();
  expect((await answers).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
});

test('a database that is away fails the whole batch: nobody is tried again, as it may have been done', async () => {
  const { batches, write, answer } = database(() => Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
  const writer = new GroupWriter(write);
  const answers = Promise.allSettled(['1', '2', '3'].map((cidr) => writer.submit(release(cidr))));
  await answer();
  await answer();
  expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(batches).toEqual([['1'], ['2', '3']]);
  // And the next one is sent as ever.
  const next = writer.submit(release('4'));
  expect(batches).toHaveLength(3);
  await answer();
  await expect(next).rejects.toThrow('gone');
});

test('a request that was given up while it waited is not sent', async () => {
  const { batches, write, answer } = database();
  const writer = new GroupWriter(write);
  const first = writer.submit(release('1'));
  const giveUp = new AbortController();
  const second = writer.submit(release('2'), giveUp.signal);
  const third = writer.submit(release('3'));
  giveUp.abort(new Error('given up'));
  await answer();
  await expect(second).rejects.toThrow('given up');
  await answer();
  await Promise.all([first, third]);
  expect(batches).toEqual([['1'], ['3']]);
});
