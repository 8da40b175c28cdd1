// What is killed and comes back: the operator in the middle of its work, the API server, Postgres. The end is that of an undisturbed run, and on
// the way nothing was deleted: the history in Postgres says so.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kind } from '@caracal/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OperatorProcess } from './operator-process.ts';
import { type OperatorWorld, ownObject, startOperatorWorld } from './operator-world.ts';

let world: OperatorWorld;
let operator: OperatorProcess;
beforeAll(async () => {
  world = await startOperatorWorld();
  operator = await world.operator();
  operator.start();
});
afterAll(() => world?.stop());

const kind = 'GlobalNetworkSet' satisfies Kind;
/** Names are unique, so that each is created once and deleted never, or once. */
const sets = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => ownObject(kind, `${prefix}-${i}`, { nets: [`10.9.${i}.0/24`] }));
const expected = new Map<string, object>();
const expecting = (objects: ReturnType<typeof sets>) => {
  for (const { metadata, spec } of objects) expected.set(metadata.name, spec);
  return objects;
};

/** Each of them is stored as it is in Kubernetes and says so, and there is no other. */
async function expectTheEnd(): Promise<void> {
  await world.eventually(async () => {
    const { resources } = await world.datastore.listResources({ kinds: [kind] });
    expect(new Map(resources.map(({ name, spec }) => [name, spec]))).toEqual(expected);
    const list = await world.api.request({ method: 'GET', path: '/apis/caracal.network/v1/globalnetworksets' });
    const { items } = list as {
      items: { metadata: { name: string }; status?: { conditions?: { status: string }[] } }[];
    };
    expect(items.filter(({ status }) => status?.conditions?.[0]?.status !== 'True')).toEqual([]);
    expect(await world.condition('CaracalStatus', 'default', 'Available')).toMatchObject({ status: 'True' });
  });
}

/** Names of all resources that were ever deleted. */
const deletedNames = async () => (await world.deletions()).map(({ name }) => name);

test('the operator killed again and again in the middle of its work', async () => {
  const all = expecting(sets('killed', 150));
  const applying = world.apply(all);
  for (const enough of [10, 50, 100]) {
    await world.eventually(async () => expect((await world.storedNames(kind)).length).toBeGreaterThan(enough));
    await operator.kill();
    operator.start();
  }
  await applying;
  await expectTheEnd();
  expect(await deletedNames()).toEqual([]);
});

test('what is deleted while no operator runs is deleted when one does, and nothing else', async () => {
  await operator.kill();
  await world.kubectl(['delete', 'globalnetworkset', 'killed-0', 'killed-1']);
  expected.delete('killed-0');
  expected.delete('killed-1');
  operator.start();
  await expectTheEnd();
  expect((await deletedNames()).sort()).toEqual(['killed-0', 'killed-1']);
});

test('the API server and etcd killed in the middle, and away while the operator starts', async () => {
  await expectTheEnd();
  const before = await deletedNames();
  const applying = world.apply(expecting(sets('cut', 60))).catch(() => {});
  await world.eventually(async () => expect(await world.storedNames(kind)).toContain('cut-5'));
  await world.plane.kill();
  await applying;
  const stored = await world.storedNames(kind);
  await operator.kill();
  operator.start();
  await sleep(3000);
  expect(await world.storedNames(kind)).toEqual(stored);
  await world.plane.start();
  await world.apply(sets('cut', 60));
  await expectTheEnd();
  expect(await deletedNames()).toEqual(before);
});

test('Postgres killed, and away while the operator starts: it is said, nothing is lost', async () => {
  await expectTheEnd();
  const before = await deletedNames();
  const databaseAway = () =>
    world.eventually(async () => {
      expect(await world.condition('CaracalStatus', 'default', 'Available')).toMatchObject({
        status: 'False',
        reason: 'DatabaseAway',
      });
    });
  await world.postgres.kill();
  await world.apply(expecting(sets('meanwhile', 5)));
  await databaseAway();
  await world.postgres.start();
  await expectTheEnd();
  await world.postgres.kill();
  await operator.kill();
  operator.start();
  await databaseAway();
  await world.apply(expecting(sets('later', 5)));
  await world.postgres.start();
  await expectTheEnd();
  expect(await deletedNames()).toEqual(before);
});
