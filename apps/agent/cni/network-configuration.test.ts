import { expect, test } from 'vitest';
import { validAttachments } from './configuration-schema.ts';
import { parseConfiguration } from './network-configuration.ts';

const valid = { cniVersion: '1.1.0', name: 'caracal', type: 'caracal' };
const parse = (changes: object) => parseConfiguration(JSON.stringify({ ...valid, ...changes }));

test('reads what it knows and reports the rest', () => {
  const labels = [{ key: 'app', value: 'web' }];
  expect(
    parse({ mtu: 1400, args: { cni: { labels } }, nodename: 'n1', x: 1, 'cni.dev/y': 1, datastore_type: 'kubernetes' }),
  ).toEqual({
    ok: true,
    value: { ...valid, mtu: 1400, args: { cni: { labels } }, nodename: 'n1' },
    unknownFields: ['x'],
  });
});

test('reports fields that it does not know in its sections too, and leaves those of other IPAM plugins alone', () => {
  const sections = {
    ipam: { type: 'caracal-ipam', ipv4_pool: ['x'] },
    container_settings: { ip_forwarding: true },
    policy: { type: 'k8s', k8s_auth_token: 't' },
    args: { cni: { x: 1 }, y: 1 },
  };
  expect(parse(sections)).toMatchObject({ unknownFields: ['ipam.ipv4_pool', 'container_settings.ip_forwarding'] });
  expect(parse({ ipam: { type: 'host-local', subnet: '192.0.2.0/24' } })).toMatchObject({ unknownFields: [] });
});

test('what an ADD is refused for does not keep DEL and GC from taking back', () => {
  const wrong = {
    mtu: 'big',
    ipMasq: true,
    ipam: { type: 7 },
    runtimeConfig: { bandwidth: { egressRate: -1 } },
    'cni.dev/valid-attachments': [{ containerID: 'a', ifname: 'eth0' }],
  };
  for (const command of ['ADD', 'CHECK', 'STATUS']) {
    expect(parseConfiguration(JSON.stringify({ ...valid, ...wrong }), command)).toMatchObject({ ok: false });
  }
  for (const command of ['DEL', 'GC']) {
    const parsed = parseConfiguration(JSON.stringify({ ...valid, ...wrong }), command);
    expect(parsed).toMatchObject({ ok: true, value: { name: 'caracal' } });
    expect(parsed.ok && validAttachments(parsed.value)).toEqual([{ containerId: 'a', ifname: 'eth0' }]);
    expect(parseConfiguration(JSON.stringify({ ...valid, name: 'a b' }), command)).toMatchObject({ code: 7 });
  }
});

test('the same text is read once for an ADD, and as they read it for others', () => {
  const text = JSON.stringify({ ...valid, mtu: 'big' });
  const read = (command: string) => parseConfiguration(text, command);
  for (const _ of ['first', 'second']) {
    expect(read('ADD')).toMatchObject({ ok: false, message: expect.stringContaining('mtu') });
    expect(read('DEL')).toMatchObject({ ok: true });
  }
  expect(read('ADD')).toBe(read('ADD'));
  expect(parse({ name: 'other' })).toMatchObject({ value: { name: 'other' } });
});

test("reads the configuration of Calico's users", () => {
  const calico = {
    ...valid,
    type: 'calico',
    log_level: 'Info',
    log_file_path: '/var/log/calico/cni/cni.log',
    datastore_type: 'kubernetes',
    nodename: 'node-1',
    mtu: 0,
    ipam: { type: 'calico-ipam', assign_ipv4: 'true', assign_ipv6: 'false', ipv4_pools: ['10.0.0.0/24', 'default'] },
    policy: { type: 'k8s' },
    kubernetes: { kubeconfig: '/etc/cni/net.d/calico-kubeconfig' },
    container_settings: { allow_ip_forwarding: true },
    feature_control: { ip_addrs_no_ipam: false, floating_ips: false },
    capabilities: { bandwidth: true },
  };
  expect(parseConfiguration(JSON.stringify(calico))).toMatchObject({
    ok: true,
    value: { ipam: { assign_ipv4: true, assign_ipv6: false }, log_level: 'info' },
    unknownFields: [],
  });
});

test('reads what capabilities bring', () => {
  const runtimeConfig = {
    ips: ['10.65.0.7/26', '2001:db8::1'],
    mac: 'C2:11:22:33:44:55',
    portMappings: [{ hostPort: 80, containerPort: 8080, protocol: 'TCP', hostIP: '' }],
    bandwidth: { ingressRate: 1000 },
    unheardOf: 1,
  };
  expect(parse({ runtimeConfig })).toMatchObject({
    value: {
      runtimeConfig: {
        ips: ['10.65.0.7', '2001:db8::1'],
        mac: 'c2:11:22:33:44:55',
        portMappings: [{ hostPort: 80, containerPort: 8080, protocol: 'tcp' }],
        bandwidth: { ingressRate: 1000, egressRate: 0 },
      },
    },
  });
});

test.each([
  ['', 6, 'no JSON'],
  ['{', 6, 'no JSON'],
  ['[]', 6, 'no JSON object'],
  ['{"name":"a"}', 1, 'cniVersion is missing'],
  ['{"cniVersion":"0.2.0"}', 1, 'cniVersion "0.2.0" is not supported'],
  ['{"cniVersion":"1.0.0","type":"caracal"}', 7, 'name: '],
  ['{"cniVersion":"1.0.0","type":"caracal","name":"a b"}', 7, 'name: must start with'],
  [JSON.stringify({ ...valid, mtu: 9 }), 7, 'mtu: must be 0 (the node chooses) or 576 to 65535'],
  [JSON.stringify({ ...valid, ipam: { type: '../x' } }), 7, 'ipam.type: must be the name of an executable'],
  [JSON.stringify({ ...valid, ipam: { type: 'x', ipv4_pools: ['10.0.0.1/8'] } }), 7, 'ipam.ipv4_pools[0]: must be'],
  [
    JSON.stringify({ ...valid, ipam: { type: 'x', assign_ipv4: 'maybe' } }),
    7,
    'ipam.assign_ipv4: must be true or false',
  ],
  [JSON.stringify({ ...valid, ipMasq: true }), 2, 'ipMasq: true'],
  [JSON.stringify({ ...valid, feature_control: { floating_ips: true } }), 2, 'feature_control.floating_ips: true'],
  [JSON.stringify({ ...valid, ipMasq: 'yes' }), 7, 'ipMasq: must be false'],
  [JSON.stringify({ ...valid, 'cni.dev/attachments': {} }), 7, 'cni.dev/attachments: '],
  [JSON.stringify({ ...valid, policy: { type: 'none' } }), 7, 'policy.type: must be k8s'],
  [JSON.stringify({ ...valid, log_level: 'loud' }), 7, 'log_level: must be'],
  [JSON.stringify({ ...valid, runtimeConfig: { ips: ['10.0.0.256'] } }), 7, 'runtimeConfig.ips[0]: "10.0.0.256" is no'],
  [
    JSON.stringify({ ...valid, runtimeConfig: { mac: '01:00:00:00:00:00' } }),
    7,
    'runtimeConfig.mac: must be a unicast',
  ],
  [
    JSON.stringify({ ...valid, runtimeConfig: { portMappings: [{ hostPort: 1 }] } }),
    7,
    'portMappings[0].containerPort: ',
  ],
  [JSON.stringify({ ...valid, runtimeConfig: { bandwidth: { egressRate: -1 } } }), 7, 'bandwidth.egressRate: must not'],
  [JSON.stringify({ ...valid, args: { cni: { labels: [{ key: 'a' }] } } }), 7, 'args.cni.labels[0].value: '],
])('%s is refused with code %i', (stdin, code, message) => {
  expect(parseConfiguration(stdin)).toMatchObject({ ok: false, code, message: expect.stringContaining(message) });
});

test.each([
  ['neither key', {}, undefined],
  ['the key of libcni', { 'cni.dev/valid-attachments': [{ containerID: 'a', ifname: 'eth0' }] }, ['a']],
  ['the key of the text', { 'cni.dev/attachments': [{ containerID: 'b', ifname: 'eth0' }] }, ['b']],
  [
    'both, as libcni sends them',
    {
      'cni.dev/valid-attachments': [{ containerID: 'a', ifname: 'eth0' }],
      'cni.dev/attachments': [{ containerID: 'b', ifname: 'eth0' }],
    },
    ['a', 'b'],
  ],
  ['null, of a runtime in Go that has none', { 'cni.dev/valid-attachments': null }, []],
])('what GC must leave alone: %s', (_, changes, ids) => {
  const parsed = parse(changes);
  if (!parsed.ok) throw new Error(parsed.message);
  expect(validAttachments(parsed.value)?.map(({ containerId }) => containerId)).toEqual(ids);
});
