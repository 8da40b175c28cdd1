// An API server that answers in part or not at all: what cannot be read is not gone.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BrokenApi, type Fault, startBrokenApi } from './broken-api.ts';
import type { OperatorProcess } from './operator-process.ts';
import { type OperatorWorld, ownObject, startOperatorWorld } from './operator-world.ts';

let world: OperatorWorld;
let api: BrokenApi;
let operator: OperatorProcess;
beforeAll(async () => {
  world = await startOperatorWorld();
  api = await startBrokenApi(world.plane);
  operator = await world.operator({ server: api.url, config: { listPageSize: 10 } });
  operator.start();
  await world.apply(
    Array.from({ length: 45 }, (_, i) => ownObject('GlobalNetworkSet', `s-${i}`, { nets: [`10.9.${i}.0/24`] })),
  );
  await world.eventually(async () => expect(await world.storedNames('GlobalNetworkSet')).toHaveLength(45));
});
afterAll(async () => {
  await world?.stop();
  await api?.close();
});

const met = () => world.eventually(async () => expect(api.pending()).toBe(0));
const deletedNames = async () => (await world.deletions()).map(({ name }) => name).sort();
const down: Fault = { status: 503, body: 'upstream connect error or disconnect/reset before headers' };
const expired: Fault = {
  status: 410,
  body: JSON.stringify({
    kind: 'Status',
    code: 410,
    reason: 'Expired',
    message: 'The provided continue parameter is too old',
  }),
};
const html: Fault = { status: 200, body: '<html><body>Please log in</body></html>' };

test('a list of which any page fails, in any way, deletes nothing; the first that is whole does', async () => {
  await operator.kill();
  await world.kubectl(['delete', 'globalnetworkset', 's-7', 's-40']);
  api.break(/globalnetworksets\?.*continue=/, [down, expired, html, { cutAfter: 0 }, { cutAfter: 700 }]);
  operator.start();
  await met();
  await world.eventually(async () => expect(await deletedNames()).toEqual(['s-40', 's-7']));
  expect(await world.storedNames('GlobalNetworkSet')).toHaveLength(43);
});

test('a kind that cannot be listed holds up what is deleted of it, and nothing is stored before all have been listed', async () => {
  await operator.kill();
  await world.kubectl(['delete', 'globalnetworkset', 's-1']);
  await world.apply([ownObject('Tier', 'late')]);
  api.break(/\/tiers\?(?!.*watch)/, [down, html, { status: 403, body: 'forbidden' }, { cutAfter: 100 }]);
  operator.start();
  await world.eventually(async () => expect(operator.log()).toMatch(/"kind":"Tier".*watch lost/));
  expect(await world.storedNames('Tier')).toEqual([]);
  await met();
  await world.eventually(async () => {
    expect(await world.storedNames('Tier')).toEqual(['late']);
    expect(await deletedNames()).toEqual(['s-1', 's-40', 's-7']);
  });
});

test('a watch that is cut in the middle of an event loses no event', async () => {
  await operator.kill();
  api.break(/globalnetworksets\?.*watch=true/, [{ cutAfter: 300 }, { cutAfter: 1 }, down, { cutAfter: 2000 }]);
  operator.start();
  const more = Array.from({ length: 12 }, (_, i) => ownObject('GlobalNetworkSet', `w-${i}`));
  await world.apply(more);
  await world.kubectl(['delete', 'globalnetworkset', 'w-3']);
  await met();
  await world.eventually(async () => {
    const names = (await world.storedNames('GlobalNetworkSet')).filter((name) => name.startsWith('w-'));
    expect(names.sort()).toEqual(['w-0', 'w-1', 'w-10', 'w-11', 'w-2', 'w-4', 'w-5', 'w-6', 'w-7', 'w-8', 'w-9']);
  });
  expect((await deletedNames()).filter((name) => name.startsWith('s-'))).toEqual(['s-1', 's-40', 's-7']);
});
