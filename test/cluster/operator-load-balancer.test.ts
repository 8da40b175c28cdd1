// Services of type LoadBalancer at a real API server: who gets addresses, and what becomes of them.
import type { KubeObject } from '@caracal/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readyType } from '../../operator/load-balancer/service-status.ts';
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

const path = '/api/v1/namespaces/default/services';
const service = (name: string, spec: object = {}, annotations = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', annotations },
  spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
});
const get = async (name: string) => (await world.api.request({ method: 'GET', path: `${path}/${name}` })) as KubeObject; // as the API has it
async function statusOf(name: string) {
  const { loadBalancer, conditions } = (await get(name)).status as {
    loadBalancer: { ingress?: { ip: string }[] };
    conditions?: { type: string; status: string; message: string }[];
  };
  const condition = conditions?.find(({ type }) => type === readyType);
  return [(loadBalancer.ingress ?? []).map(({ ip }) => ip).join(' '), condition?.status, condition?.message];
}
const held = async () =>
  (await world.datastore.listServiceAddresses()).map(({ address, name }) => `${address} ${name}`);

test('without a pool nothing is written to a service that names no class', async () => {
  await world.apply([service('web')]);
  await world.eventually(async () => expect(operator.log()).toContain('"leading"'));
  await world.apply([ownObject('IPPool', 'public', { cidr: '203.0.113.0/26', allowedUses: ['LoadBalancer'] })]);
  await world.eventually(async () =>
    expect(await statusOf('web')).toEqual(['203.0.113.0', 'True', 'has 203.0.113.0 of IPPool/public']),
  );
  expect(await held()).toEqual(['203.0.113.0 web']);
  // So that `ipam check` can compare.
  await world.eventually(async () => expect(await world.storedNames('Service')).toEqual(['web']));
  const { findings } = await world.datastore.checkIpam();
  expect(findings.filter(({ kind }) => kind.startsWith('ServiceAddress'))).toEqual([]);
});

test('who asks for an address gets it, and who cannot get it is told', async () => {
  await world.apply([
    service('asked', { loadBalancerIP: '203.0.113.9' }),
    service('taken', {}, { 'projectcalico.org/loadBalancerIPs': '["203.0.113.9"]' }),
    service('own', { loadBalancerClass: 'caracal.network/load-balancer' }),
  ]);
  await world.eventually(async () => {
    expect((await statusOf('own')).slice(0, 2)).toEqual(['203.0.113.1', 'True']);
    const outcomes = [await statusOf('asked'), await statusOf('taken')].map((status) => status.slice(0, 2)).sort();
    expect(outcomes).toEqual([
      ['', 'False'],
      ['203.0.113.9', 'True'],
    ]);
  });
  await world.kubectl(['delete', 'service', 'asked', 'taken', 'own']);
  await world.eventually(async () => expect(await held()).toEqual(['203.0.113.0 web']));
});

test("a service of another controller's class keeps what that one wrote", async () => {
  await world.apply([service('other', { loadBalancerClass: 'example.com/other' })]);
  const status = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } };
  const patch = ['patch', 'service', 'other', '--subresource=status', '--type=merge', '-p', JSON.stringify(status)];
  await world.kubectl(patch);
  await world.apply([service('after')]);
  await world.eventually(async () => expect((await statusOf('after'))[0]).toBe('203.0.113.1'));
  expect(await statusOf('other')).toEqual(['192.0.2.1', undefined, undefined]);
});

test('what happened while no operator ran is made good', async () => {
  await operator.kill();
  await world.kubectl(['delete', 'service', 'after']);
  await world.apply([service('late')]);
  const change = { spec: { type: 'ClusterIP' } };
  await world.kubectl(['patch', 'service', 'web', '--type=merge', '-p', JSON.stringify(change)]);
  operator.start();
  await world.eventually(async () => {
    expect((await statusOf('late'))[1]).toBe('True');
    expect(await held()).toEqual([`${(await statusOf('late'))[0]} late`]);
    expect(await statusOf('web')).toEqual(['', undefined, undefined]);
  });
});

test('a pool that is deleted stays while a service has an address of it, and gives out no more', async () => {
  await world.kubectl(['delete', 'ippool', 'public', '--wait=false']);
  await world.eventually(async () =>
    expect(await world.condition('IPPool', 'public')).toMatchObject({
      reason: 'Deleting',
      message: expect.stringMatching(/Services have addresses of it: 203\.0\.113\.\d+ of default\/late$/),
    }),
  );
  await world.apply([service('more')]);
  await world.eventually(async () => expect((await statusOf('more')).slice(0, 2)).toEqual(['', 'False']));
  await world.kubectl(['delete', 'service', 'late']);
  await world.eventually(async () => {
    expect(await world.kubectl(['get', 'ippools', '-o', 'name'])).toBe('');
    expect(await held()).toEqual([]);
  });
});
