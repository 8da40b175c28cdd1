// Two replicas, of which one leads: what happens to the leader, and that nothing is done twice, lost or deleted when the other takes over.
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OperatorProcess } from './operator-process.ts';
import { type OperatorWorld, ownObject, startOperatorWorld } from './operator-world.ts';

let world: OperatorWorld;
let a: OperatorProcess;
let b: OperatorProcess;
const opsSocket = (identity: string) => join(world.plane.folder, `${identity}.sock`);
beforeAll(async () => {
  world = await startOperatorWorld();
  const settings = (identity: string) => ({ identity, config: { ops: { socket: opsSocket(identity) } } });
  [a, b] = await Promise.all([world.operator(settings('a')), world.operator(settings('b'))]);
  a.start();
  await leads('a');
  b.start();
});
afterAll(() => world?.stop());

/** Health and metrics of a replica: status and body. */
function ops(identity: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: opsSocket(identity), path, timeout: 5000 }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject).end();
  });
}

async function metric(identity: string, name: string): Promise<number> {
  const { body } = await ops(identity, '/metrics');
  const line = body.split('\n').find((each) => each.startsWith(`caracal_operator_${name} `));
  return Number(line?.split(' ')[1]);
}

const leads = (identity: string) => world.eventually(async () => expect(await metric(identity, 'leading')).toBe(1));
const holder = () =>
  world.kubectl(['get', 'lease', 'caracal-operator', '-n', 'caracal-system', '-o', 'jsonpath={.spec.holderIdentity}']);
const set = (name: string, nets: string[] = []) => ownObject('GlobalNetworkSet', name, { nets });
const isStored = (name: string) =>
  world.eventually(async () => {
    expect(await world.condition('GlobalNetworkSet', name)).toMatchObject({ status: 'True', reason: 'Stored' });
    expect(await world.storedNames('GlobalNetworkSet')).toContain(name);
  });

test('one leads, the other waits; both are healthy and ready, and say which they are', async () => {
  await world.apply([set('one')]);
  await isStored('one');
  await world.eventually(async () => {
    for (const identity of ['a', 'b']) {
      expect((await ops(identity, '/healthz')).status).toBe(200);
      expect(await ops(identity, '/readyz')).toMatchObject({ status: 200 });
    }
    expect(await metric('a', 'synced')).toBe(1);
    expect(await metric('b', 'leading')).toBe(0);
    expect((await ops('a', '/metrics')).body).toMatch(/^caracal_operator_objects\{kind="GlobalNetworkSet"\} 1$/m);
    expect((await ops('a', '/metrics')).body).toMatch(
      /^caracal_operator_status_writes_total\{outcome="written"\} [1-9]/m,
    );
  });
  expect(await holder()).toBe('a');
});

test('the leader is stopped and goes on when another leads: it is fenced, and changes nothing any more', async () => {
  a.freeze();
  await leads('b');
  await world.apply([set('two'), set('one', ['192.0.2.0/24'])]);
  await isStored('two');
  // What a stopped leader had on its way, with the epoch of its term.
  const stale = await world.datastore.write({
    op: 'resources',
    epoch: 1n,
    put: [{ apiVersion: 'caracal.network/v1', kind: 'Tier', namespace: '', name: 'stale', labels: {}, spec: {} }],
  });
  expect(stale).toMatchObject({ fenced: true });
  a.thaw();
  await world.eventually(async () => expect(a.log()).toContain('leads no longer'));
  await world.apply([set('three')]);
  await isStored('three');
  expect(await holder()).toBe('b');
  expect(await metric('a', 'leading')).toBe(0);
  expect(await world.storedNames('Tier')).toEqual([]);
  const { resources } = await world.datastore.listResources({ kinds: ['GlobalNetworkSet'] });
  expect(resources.map(({ name, spec }) => [name, spec])).toEqual([
    ['one', { nets: ['192.0.2.0/24'] }],
    ['three', { nets: [] }],
    ['two', { nets: [] }],
  ]);
});

test('the leader is killed: the other takes over and goes on where it stood', async () => {
  await b.kill();
  await world.apply([set('four')]);
  await world.kubectl(['delete', 'globalnetworkset', 'two']);
  await leads('a');
  await isStored('four');
  await world.eventually(async () =>
    expect(await world.storedNames('GlobalNetworkSet')).toEqual(['four', 'one', 'three']),
  );
});

test('a leader that is told to end hands over, and one that cannot ask the API server is not ready', async () => {
  b.start();
  await world.eventually(async () => expect((await ops('b', '/readyz')).status).toBe(200));
  await a.stop();
  await leads('b');
  await world.plane.kill('apiserver');
  await world.eventually(async () => {
    const { status, body } = await ops('b', '/readyz');
    expect(status).toBe(503);
    expect(JSON.parse(body).reason).toMatch(/^the API server cannot be asked who leads: /);
    expect((await ops('b', '/healthz')).status).toBe(200);
  });
  await world.plane.start();
  await world.eventually(async () => expect((await ops('b', '/readyz')).status).toBe(200));
});
