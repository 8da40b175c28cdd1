import type { KubeObject } from '@caracal/kube';
import { expect, test } from 'vitest';
import { claimOf, ownClass, wantOf } from './want.ts';

const service = (spec: object, annotations = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '1', annotations },
  spec: { type: 'LoadBalancer', ...spec },
});

test.each([
  [{}, 'anybody'],
  [{ loadBalancerClass: ownClass }, 'ours'],
  [{ loadBalancerClass: 'example.com/other' }, 'none'],
  [{ type: 'ClusterIP', loadBalancerClass: ownClass }, 'none'],
  [{ type: 'NodePort' }, 'none'],
])('%j is for %s', (spec, claim) => expect(claimOf(service(spec))).toBe(claim));

const ours = 'caracal.network/load-balancer-ips';
const calicos = 'projectcalico.org/loadBalancerIPs';
const dual = { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'PreferDualStack' };

test.each<[string, object, Record<string, string>, object]>([
  ['nothing', {}, {}, { families: [4], all: false, addresses: [], pools: {} }],
  ['IPv6', { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' }, {}, { families: [6], all: false }],
  ['both, if possible', dual, {}, { families: [6, 4], all: false }],
  ['both', { ...dual, ipFamilyPolicy: 'RequireDualStack' }, {}, { families: [6, 4], all: true }],
  ['an address by the field', { loadBalancerIP: '203.0.113.7' }, {}, { addresses: ['203.0.113.7'] }],
  [
    'one of each family',
    dual,
    { [calicos]: '["203.0.113.7", "2001:DB8::7"]' },
    { addresses: ['203.0.113.7', '2001:db8::7'] },
  ],
  [
    'by our annotation before all others',
    { loadBalancerIP: '203.0.113.1' },
    { [calicos]: '["203.0.113.2"]', [ours]: '["203.0.113.3"]' },
    { addresses: ['203.0.113.3'] },
  ],
  [
    'pools',
    dual,
    { 'projectcalico.org/ipv4pools': '["a", "192.0.2.0/24"]', 'caracal.network/ipv6pools': '["b"]' },
    { pools: { 4: ['a', '192.0.2.0/24'], 6: ['b'] } },
  ],
])('who asks for %s', (_, spec, annotations, want) => {
  expect(wantOf(service(spec, annotations))).toMatchObject({ ok: true, want });
});

test.each<[object, Record<string, string>, string]>([
  [{ loadBalancerIP: 'here' }, {}, 'spec.loadBalancerIP: "here" is no IP address'],
  [
    {},
    { [calicos]: '203.0.113.7' },
    `annotation ${calicos}: must be a JSON list of addresses, such as ["203.0.113.7"]`,
  ],
  [{}, { [ours]: '[]' }, `annotation ${ours}: must be a JSON list of addresses, such as ["203.0.113.7"]`],
  [
    { ipFamilies: ['IPv4'] },
    { [ours]: '["2001:db8::7"]' },
    `annotation ${ours}: 2001:db8::7 is IPv6, and spec.ipFamilies is IPv4`,
  ],
  [
    {},
    { [ours]: '["203.0.113.7", "203.0.113.8"]' },
    `annotation ${ours}: has several addresses of IPv4; a Service has one of each family`,
  ],
  [
    {},
    { 'caracal.network/ipv4pools': '"a"', 'projectcalico.org/ipv6pools': '[1]' },
    'annotation caracal.network/ipv4pools: must be a JSON list of IPPools; annotation projectcalico.org/ipv6pools: must be a JSON list of IPPools',
  ],
])('%j with %j is wrong by its name', (spec, annotations, message) => {
  expect(wantOf(service(spec, annotations))).toEqual({ ok: false, message });
});
