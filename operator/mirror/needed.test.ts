import type { Kind } from '@caracal/api';
import type { KubeObject } from '@caracal/kube';
import { expect, test } from 'vitest';
import { judge } from './judge.ts';
import { isNeeded, slicesToJudge } from './needed.ts';
import { World } from './world.ts';

const object = (kind: Kind, name: string, rest: object): KubeObject => ({
  apiVersion: kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1',
  kind,
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '1', labels: {} },
  ...rest,
});
const slice = (name: string, service: string, endpoints: object[]) => {
  const plain = object('EndpointSlice', name, { addressType: 'IPv4', endpoints });
  return { ...plain, metadata: { ...plain.metadata, labels: { 'kubernetes.io/service-name': service, app: 'web' } } };
};
const service = (spec: object, status = {}) =>
  object('Service', 'web', { spec: { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], ...spec }, status });
const configuration = (spec: object) => {
  const { metadata, ...rest } = object('BGPConfiguration', 'default', { spec });
  return { ...rest, metadata: { ...metadata, namespace: undefined } };
};

function world(...objects: KubeObject[]): World {
  const made = new World();
  for (const each of objects) made.see(each.kind as Kind, each); // of the kinds above
  return made;
}

const local = { externalTrafficPolicy: 'Local', externalIPs: ['192.0.2.7'] };
const balanced = { loadBalancer: { ingress: [{ hostname: 'lb.example' }, { ip: '198.51.100.7' }] } };

test.each([
  ['Local, its cluster IP announced', service(local), { serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] }, true],
  ['Local, its external IP announced', service(local), { serviceExternalIPs: [{ cidr: '192.0.2.0/24' }] }, true],
  [
    'Local, the address of its balancer announced',
    service({ externalTrafficPolicy: 'Local' }, balanced),
    { serviceLoadBalancerIPs: [{ cidr: '198.51.100.0/24' }] },
    true,
  ],
  [
    'its cluster IP announced as an external one',
    service(local),
    { serviceExternalIPs: [{ cidr: '10.96.0.0/12' }] },
    false,
  ],
  ['Local, nothing announced', service(local), {}, false],
  ['Local, another range announced', service(local), { serviceClusterIPs: [{ cidr: '10.97.0.0/16' }] }, false],
  ['Cluster', service({ externalIPs: ['192.0.2.7'] }), { serviceExternalIPs: [{ cidr: '192.0.2.0/24' }] }, false],
  [
    'Cluster, an address of its balancer announced',
    service({}, balanced),
    { serviceLoadBalancerIPs: [{ cidr: '198.51.100.0/24' }] },
    false,
  ],
  ['ranges that are none', service(local), { serviceClusterIPs: [{}, { cidr: 'x' }] }, false],
])('a service and its slices, %s', (_, web, spec, needed) => {
  const slices = [slice('web-1', 'web', []), slice('other-1', 'other', [])];
  const all = world(configuration(spec), web, ...slices);
  expect(isNeeded(all, 'Service', web)).toBe(needed);
  expect(slices.map((each) => isNeeded(all, 'EndpointSlice', each))).toEqual([needed, false]);
  expect(slicesToJudge(all, 'shop/web')).toEqual(needed ? ['shop/web-1'] : []);
});

test('the slices of a service that is no longer needed, or gone, are judged again', () => {
  const all = world(configuration({}), service({}), slice('web-1', 'web', []));
  all.stored('Service').add('shop/web');
  expect(slicesToJudge(all, 'shop/web')).toEqual(['shop/web-1']);
  all.objects('Service').delete('shop/web');
  expect(slicesToJudge(all, 'shop/web')).toEqual(['shop/web-1']);
});

test('of a slice the nodes of ready endpoints are stored, so that a pod that comes or goes beside another changes nothing', () => {
  const endpoints = [
    { nodeName: 'n2', addresses: ['10.0.0.1'], conditions: { ready: true } },
    { nodeName: 'n1', addresses: ['10.0.0.2'] },
    { nodeName: 'n2', addresses: ['10.0.0.3'], conditions: { ready: true } },
    { nodeName: 'n3', addresses: ['10.0.0.4'], conditions: { ready: false, serving: true, terminating: true } },
    { addresses: ['10.0.0.5'] },
  ];
  const web = slice('web-1', 'web', endpoints);
  expect(judge('EndpointSlice', web)).toMatchObject({
    verdict: 'right',
    resource: { metadata: { labels: {} }, spec: { service: 'web', nodes: ['n1', 'n2'] } },
  });
  const all = world(web);
  expect(all.see('EndpointSlice', slice('web-1', 'web', endpoints.slice(0, 2)))).toBe(false);
  expect(all.see('EndpointSlice', slice('web-1', 'web', endpoints.slice(1, 2)))).toBe(true);
});

test('of a service its addresses and its policy are stored', () => {
  expect(judge('Service', service(local, balanced))).toMatchObject({
    verdict: 'right',
    resource: {
      spec: {
        clusterIPs: ['10.96.0.9'],
        externalIPs: ['192.0.2.7'],
        loadBalancerIPs: ['198.51.100.7'],
        externalTrafficPolicy: 'Local',
      },
    },
  });
});

test('a service with an address of a pool for load balancers is stored, without its slices', () => {
  const pool = (allowedUses: string[], cidr = '198.51.100.0/24') => {
    const { metadata, ...rest } = object('IPPool', 'public', { spec: { cidr, allowedUses } });
    return { ...rest, metadata: { ...metadata, namespace: undefined } };
  };
  const [web, slices] = [service({}, balanced), slice('web-1', 'web', [])];
  const needed = (of: KubeObject) => {
    const all = world(configuration({}), of, web, slices);
    return [isNeeded(all, 'Service', web), isNeeded(all, 'EndpointSlice', slices)];
  };
  expect(needed(pool(['LoadBalancer']))).toEqual([true, false]);
  expect(needed(pool(['LoadBalancer'], '203.0.113.0/24'))).toEqual([false, false]);
  expect(needed(pool(['Workload']))).toEqual([false, false]);
});
