import { kindOf } from '@caracal/api';
import { type KubeObject, keyOf } from '@caracal/kube';
import { expect, test } from 'vitest';
import { kept } from './kept.ts';
import { ownConditions, readyType } from './load-balancer/service-status.ts';
import { claimOf, ownClass, wantOf } from './load-balancer/want.ts';
import { judge } from './mirror/judge.ts';
import { World } from './mirror/world.ts';

const bulk = {
  managedFields: [{ manager: 'kubelet', fieldsV1: { 'f:status': 'x'.repeat(2000) } }],
  annotations: { a: 'b' },
};
const object = (kind: string, apiVersion: string, rest: object): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '7', labels: { app: 'web' }, ...bulk },
  ...rest,
});
const container = { name: 'c', image: 'i'.repeat(300), env: [{ name: 'E', value: 'v'.repeat(300) }] };

test.each([
  object('Pod', 'v1', {
    spec: {
      nodeName: 'n1',
      serviceAccountName: 's',
      containers: [{ ...container, ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }] }, container],
      initContainers: [container],
      volumes: [{ name: 'v'.repeat(500) }],
    },
    status: { conditions: [{ type: 'Ready', message: 'm'.repeat(500) }] },
  }),
  object('Pod', 'v1', { spec: { hostNetwork: true, containers: [container] } }),
  object('Node', 'v1', {
    spec: { unschedulable: true, podCIDRs: ['10.0.0.0/24'] },
    status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }], images: ['i'.repeat(1000)] },
  }),
  object('Service', 'v1', {
    spec: { clusterIPs: ['10.96.0.9'], externalTrafficPolicy: 'Local', ports: [{ port: 80, name: 'p'.repeat(500) }] },
    status: { loadBalancer: { ingress: [{ ip: '198.51.100.7' }] } },
  }),
  object('Service', 'v1', {
    spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ports: [{ port: 80, name: 'p'.repeat(500) }] },
    status: { conditions: [{ type: 'PortsInUse', message: 'm'.repeat(500) }] },
  }),
  object('EndpointSlice', 'discovery.k8s.io/v1', {
    endpoints: ['n1', 'n2'].map((nodeName) => ({
      nodeName,
      conditions: { ready: nodeName === 'n1', serving: true },
      addresses: ['10.0.0.1'],
      targetRef: { kind: 'Pod', name: 'x'.repeat(200) },
    })),
  }),
  object('Namespace', 'v1', { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }),
  object('ServiceAccount', 'v1', { secrets: [{ name: 's'.repeat(300) }] }),
  object('NetworkPolicy', 'networking.k8s.io/v1', { spec: { podSelector: {} } }),
  object('IPPool', 'caracal.network/v1', { spec: { cidr: '10.0.0.0/16' }, status: { used: 1 } }),
])('of $kind it is enough, and little: $spec', (given) => {
  const small = kept(given);
  const kind = kindOf(given.apiVersion, given.kind)!;
  expect(judge(kind, small)).toEqual(judge(kind, given));
  expect(JSON.stringify(small).length).toBeLessThan(400);
  expect(kept(small)).toEqual(small);
  const world = new World();
  expect([world.see(kind, given), world.see(kind, given)]).toEqual([true, false]);
});

test('of a Service of type LoadBalancer all is kept that decides about its addresses, and what we said of them', () => {
  const { metadata, ...rest } = object('Service', 'v1', {
    spec: {
      ...{ type: 'LoadBalancer', loadBalancerClass: ownClass, loadBalancerIP: '203.0.113.7' },
      ...{ ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' },
    },
    status: { conditions: [{ type: readyType, status: 'True', reason: 'Assigned', message: 'has it' }] },
  });
  const annotations = {
    'projectcalico.org/ipv4pools': '["a"]',
    'kubectl.kubernetes.io/last-applied-configuration': '{}',
  };
  const given = { ...rest, metadata: { ...metadata, annotations } };
  const small = kept(given);
  expect(wantOf(small)).toEqual(wantOf(given));
  expect(claimOf(small)).toBe('ours');
  expect(ownConditions(small)).toEqual(ownConditions(given));
  expect(Object.keys(small.metadata.annotations!)).toEqual(['projectcalico.org/ipv4pools']);
  const world = new World();
  world.see('Service', given);
  expect(wantOf(world.object('Service', keyOf(given))!)).toEqual(wantOf(given));
});
