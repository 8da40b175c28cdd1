import { expect, test } from 'vitest';
import { type KubeApi, KubeError } from './api.ts';
import type { KubeObject } from './objects.ts';
import { reflect } from './reflector.ts';

const object = (name: string, resourceVersion = '1'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, uid: name, resourceVersion },
});

/** An API that answers from a script: pages of lists, then watches; when it has run out, the test is over. */
async function run(pages: readonly unknown[], watches: readonly (readonly unknown[])[]): Promise<string[]> {
  const told: string[] = [];
  const stop = new AbortController();
  const [lists, streams] = [[...pages], [...watches]];
  const api: KubeApi = {
    async request({ query }) {
      const page = lists.shift();
      told.push(`list${query?.continue ? ` ${query.continue}` : ''}`);
      if (!page) stop.abort();
      if (page instanceof Error || !page) throw page ?? new Error('over');
      return page;
    },
    async *watch(_path, query) {
      told.push(`watch ${query.resourceVersion}`);
      const events = streams.shift();
      if (!events) stop.abort();
      for (const event of events ?? []) {
        if (event instanceof Error) throw event;
        yield event;
      }
    },
  };
  await reflect(
    api,
    {
      listed: (objects) => void told.push(`all ${objects.map(({ metadata }) => metadata.name)}`),
      changed: ({ metadata }) => void told.push(`changed ${metadata.name}`),
      deleted: ({ metadata }) => void told.push(`deleted ${metadata.name}`),
      lost: (error) => void told.push(`lost ${error.message}`),
    },
    { path: '/x', backoffMs: { first: 0, last: 0 }, random: () => 0 },
    stop.signal,
  );
  return told;
}

const page = (items: readonly KubeObject[], resourceVersion: string, next?: string) => ({
  apiVersion: 'v1',
  kind: 'PodList',
  metadata: { resourceVersion, continue: next },
  items,
});

test('pages are told as one list, and a watch that ends is taken up where it stood', async () => {
  const watches = [
    [
      { type: 'ADDED', object: object('c', '8') },
      { type: 'BOOKMARK', object: object('', '12') },
    ],
    [],
  ];
  expect(await run([page([object('a')], '7', 'more'), page([object('b')], '7')], watches)).toEqual([
    'list',
    'list more',
    'all a,b',
    'watch 7',
    'changed c',
    'watch 12',
    'watch 12',
  ]);
});

test('a list whose second page fails tells nothing', async () => {
  const told = await run(
    [page([object('a')], '7', 'more'), new Error('cut'), page([object('a'), object('b')], '9')],
    [],
  );
  expect(told).toEqual(['list', 'list more', 'lost cut', 'list', 'all a,b', 'watch 9']);
});

test('an expired version begins with a new list; another error goes on from where it stood', async () => {
  const expired = { type: 'ERROR', object: { code: 410, message: 'too old' } };
  const told = await run(
    [page([], '1'), page([object('a')], '5')],
    [[new KubeError(500, 'away')], [{ type: 'DELETED', object: object('z', '3') }, expired]],
  );
  expect(told).toEqual([
    ...['list', 'all ', 'watch 1', 'lost away', 'watch 1', 'deleted z', 'lost too old'],
    ...['list', 'all a', 'watch 5'],
  ]);
});
