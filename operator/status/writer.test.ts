import type { KubeApi, KubeObject, KubeRequest } from '@caracal/kube';
import { expect, test } from 'vitest';
import { StatusWriter } from './writer.ts';

const tier = (name: string): KubeObject => ({
  apiVersion: 'caracal.network/v1',
  kind: 'Tier',
  metadata: { name, uid: name, resourceVersion: '1', generation: 1 },
});
const ready = (message: string) => ({ type: 'Ready', status: 'True', reason: 'Stored', message }) as const;

/** Counts what is sent, and how long it is paused after each write. */
function writerOn(refuse: (request: KubeRequest) => Error | undefined = () => undefined) {
  const sent: { path: string; message: string }[] = [];
  const pauses: number[] = [];
  const objects = new Map<string, KubeObject>();
  const stop = new AbortController();
  const api: KubeApi = {
    async request(request) {
      const { status } = request.body as { status: { conditions: { message: string }[] } }; // what the writer sends
      sent.push({ path: request.path, message: status.conditions[0]!.message });
      const error = refuse(request);
      if (error) throw error;
      const path = request.path.replace(/\/status$/, '');
      objects.set(path, { ...objects.get(path)!, status });
      return {};
    },
    async *watch() {},
  };
  const pause = async (ms: number) => void pauses.push(ms);
  const writer = new StatusWriter(api, { writesPerSecond: 20, pause, onError: () => {} });
  const set = (name: string, message: string) => {
    const path = `/tiers/${name}`;
    if (!objects.has(path)) objects.set(path, tier(name));
    writer.set({ path, object: () => objects.get(path) }, { conditions: [ready(message)] });
  };
  return { writer, set, sent, pauses, objects, stop, run: () => writer.run(stop.signal) };
}

test('what is set many times is written once, as it was set last, and each write is followed by its share of a second', async () => {
  const { set, sent, pauses, stop, run } = writerOn();
  for (let i = 0; i < 50; i++) for (const name of ['a', 'b', 'c']) set(name, `${name} ${i}`);
  const running = run();
  await expect.poll(() => pauses.length).toBe(3);
  stop.abort();
  await running;
  expect(sent.map(({ message }) => message)).toEqual(['a 49', 'b 49', 'c 49']);
  expect(pauses).toEqual([50, 50, 50]);
});

test('a status that somebody else changed is written again when it is looked at; one that is right is not', async () => {
  const { writer, set, sent, objects, stop, run } = writerOn();
  set('a', 'is in force');
  const running = run();
  await expect.poll(() => sent.length).toBe(1);
  writer.look('/tiers/a');
  writer.look('/tiers/unknown');
  objects.set('/tiers/a', { ...objects.get('/tiers/a')!, status: { conditions: [] } });
  writer.look('/tiers/a');
  await expect.poll(() => sent.length).toBe(2);
  writer.look('/tiers/a');
  set('b', 'is in force');
  await expect.poll(() => sent.length).toBe(3);
  expect(sent.map(({ path }) => path)).toEqual(['/tiers/a/status', '/tiers/a/status', '/tiers/b/status']);
  stop.abort();
  await running;
});

test('a write that fails is tried again and holds up no other', async () => {
  let failures = 1;
  const { set, sent, stop, run } = writerOn(({ path }) =>
    path.includes('/a/') && failures-- > 0 ? new Error('away') : undefined,
  );
  set('a', 'x');
  set('b', 'x');
  const running = run();
  await expect.poll(() => sent.length).toBe(3);
  expect(sent.map(({ path }) => path)).toEqual(['/tiers/a/status', '/tiers/b/status', '/tiers/a/status']);
  stop.abort();
  await running;
});
