import { expect, test } from 'vitest';
import { joinAnnotations, unknownAnnotations } from './annotations.ts';

test("reads Calico's names and ours; ours come first", () => {
  const annotations = {
    'cni.projectcalico.org/ipAddrs': '["10.65.0.9"]',
    'cni.projectcalico.org/ipv4pools': '["blue"]',
    'cni.projectcalico.org/ipv6pools': '["blue6"]',
    'cni.projectcalico.org/hwAddr': 'C2:11:22:33:44:55',
    'cni.caracal.network/ipAddrs': '["10.65.0.8"]',
    'example.org/ipAddrs': 'no matter',
  };
  expect(joinAnnotations({}, annotations)).toEqual({
    ok: true,
    wanted: { addresses: ['10.65.0.8'], pools: ['blue', 'blue6'] },
    mac: 'c2:11:22:33:44:55',
  });
});

test("the runtime's addresses and MAC come first, the annotation's pools before the configuration's", () => {
  const request = {
    wanted: { addresses: ['10.65.0.1'], pools: ['red'], families: [4] as const },
    mac: '02:00:00:00:00:01',
  };
  const annotations = {
    'cni.projectcalico.org/ipAddrs': '["10.65.0.9"]',
    'cni.projectcalico.org/ipv4pools': '["blue"]',
    'cni.projectcalico.org/hwAddr': '02:00:00:00:00:02',
  };
  expect(joinAnnotations(request, annotations)).toEqual({
    ok: true,
    wanted: { addresses: ['10.65.0.1'], pools: ['blue'], families: [4] },
    mac: '02:00:00:00:00:01',
  });
});

test.each([
  ['ipAddrs', '10.65.0.9', 'ipAddrs: '],
  ['ipAddrs', '["ten"]', 'ipAddrs: must be an IP address'],
  ['ipv4pools', '[]', 'ipv4pools: '],
  ['hwAddr', '01:00:00:00:00:00', 'hwAddr: must be a unicast'],
  ['floatingIPs', '["10.0.0.1"]', 'floatingIPs: is not supported'],
])('cni.projectcalico.org/%s: %s is refused by its name', (name, value, message) => {
  const refused = joinAnnotations({}, { [`cni.projectcalico.org/${name}`]: value });
  expect(refused).toMatchObject({ ok: false, code: 7, message: expect.stringContaining(message) });
});

test.each<[Record<string, string>, object]>([
  [{ 'kubernetes.io/ingress-bandwidth': '10M' }, { ingress: { bitsPerSecond: 10e6 } }],
  [{ 'kubernetes.io/egress-bandwidth': '1.5Gi' }, { egress: { bitsPerSecond: 1.5 * 2 ** 30 } }],
  [
    { 'qos.projectcalico.org/ingressBandwidth': '1M', 'qos.projectcalico.org/ingressBurst': '2M' },
    { ingress: { bitsPerSecond: 1e6, burstBits: 2e6 } },
  ],
  [
    { 'cni.caracal.network/egressBandwidth': '2M', 'kubernetes.io/egress-bandwidth': '1M' },
    { egress: { bitsPerSecond: 2e6 } },
  ],
])('%j limits bandwidth, where no plugin behind ours does and the runtime says nothing', (annotations, bandwidth) => {
  expect(joinAnnotations({}, annotations)).toMatchObject({ bandwidth });
  expect(joinAnnotations({}, annotations, false)).not.toHaveProperty('bandwidth');
  const asked = { ingress: { bitsPerSecond: 7000 } };
  expect(joinAnnotations({ bandwidth: asked }, annotations)).toMatchObject({ bandwidth: asked });
});

test.each(['fast', '999', '2P', '-1M', '1m'])('a bandwidth of %s is refused', (text) => {
  const refused = joinAnnotations({}, { 'kubernetes.io/ingress-bandwidth': text });
  expect(refused).toMatchObject({ ok: false, code: 7, message: expect.stringContaining('ingress-bandwidth') });
});

test('annotations of ours and of Calico that mean nothing here are named; those of others are theirs', () => {
  const annotations = {
    'cni.caracal.network/ipAdrs': '["10.0.0.1"]',
    'cni.caracal.network/ipAddrs': '["10.0.0.1"]',
    'cni.projectcalico.org/podIP': '10.0.0.1/32',
    'cni.projectcalico.org/ipv4pools': '["blue"]',
    'cni.projectcalico.org/allowedSourcePrefixes': '["10.0.0.0/8"]',
    'qos.projectcalico.org/ingressBandwidth': '1M',
    'qos.projectcalico.org/ingressPacketRate': '100',
    'kubernetes.io/ingress-bandwidth': '1M',
    'example.com/anything': '',
  };
  expect(unknownAnnotations(annotations)).toEqual([
    'cni.caracal.network/ipAdrs',
    'cni.projectcalico.org/allowedSourcePrefixes',
    'qos.projectcalico.org/ingressPacketRate',
  ]);
});
