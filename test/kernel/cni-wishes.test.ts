import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type CniRuntime, type Container, createCniRuntime, type NetworkList } from '../support/cni-runtime.ts';
import { type LoneAgent, prepareLoneAgent } from '../support/lone-agent.ts';
import { createNetns, type Netns } from '../support/netns.ts';

/** What configuration, capabilities, arguments and annotations choose: addresses, pools, MAC, forwarding. */

let agent: LoneAgent;
let runtime: CniRuntime;
let pod: Netns;
let container: Container;
const added: { list: NetworkList; container: Container }[] = [];

const list = (plugin: object = {}): NetworkList => ({
  cniVersion: '1.1.0',
  name: 'caracal',
  plugins: [
    { type: 'caracal', capabilities: { ips: true, mac: true, 'io.kubernetes.cri.pod-annotations': true }, ...plugin },
  ],
});

beforeAll(async () => {
  agent = await prepareLoneAgent({
    config: { mtu: 1450 },
    pools: [
      { name: 'default', cidr: '10.65.0.0/16', block: '10.65.0.0/24' },
      { name: 'manual', cidr: '10.66.0.0/16', block: '10.66.0.0/24', spec: { assignmentMode: 'Manual' } },
    ],
  });
  await agent.start();
  runtime = createCniRuntime(agent.netns, [agent.cniBin]);
  pod = await createNetns('wish');
});

afterEach(async () => {
  for (const each of added.splice(0).reverse()) await runtime.del(each.list, each.container);
});

afterAll(async () => {
  await pod?.remove();
  await agent?.remove();
});

let count = 0;
async function add(plugin: object, changes: Partial<Container> = {}) {
  container = { id: `c${++count}`, netns: pod.path, ...changes };
  const network = list(plugin);
  added.push({ list: network, container });
  const result = await runtime.add(network, container);
  await runtime.check(network, container, result);
  return { ...result, addresses: result.ips.map(({ address }) => address) };
}

const annotations = (values: object) => ({ capabilities: { 'io.kubernetes.cri.pod-annotations': values } });

test.each<[string, object, Partial<Container>, string]>([
  ['the capability ips', {}, { capabilities: { ips: ['10.65.0.50/24'] } }, '10.65.0.50/32'],
  ['args.cni.ips', { args: { cni: { ips: ['10.65.0.51'] } } }, {}, '10.65.0.51/32'],
  ['IP of CNI_ARGS', {}, { args: 'IgnoreUnknown=1;IP=10.65.0.52/24' }, '10.65.0.52/32'],
  ['args before CNI_ARGS', { args: { cni: { ips: ['10.65.0.53'] } } }, { args: 'IP=10.65.0.54' }, '10.65.0.53/32'],
  ['an annotation', {}, annotations({ 'cni.projectcalico.org/ipAddrs': '["10.65.0.55"]' }), '10.65.0.55/32'],
  ['an annotation of ours', {}, annotations({ 'cni.caracal.network/ipAddrs': '["10.66.0.9"]' }), '10.66.0.9/32'],
])('%s asks for an address', async (_name, plugin, changes, address) => {
  expect((await add(plugin, changes)).addresses).toEqual([address]);
});

test.each<[string, object, Partial<Container>]>([
  ['ipam.ipv4_pools by name', { ipam: { type: 'calico-ipam', ipv4_pools: ['manual'] } }, {}],
  ['ipam.ipv4_pools by CIDR', { ipam: { type: 'caracal-ipam', ipv4_pools: ['10.66.0.0/16'] } }, {}],
  ['an annotation', {}, annotations({ 'cni.projectcalico.org/ipv4pools': '["manual"]' })],
])('%s asks for a pool', async (_name, plugin, changes) => {
  expect((await add(plugin, changes)).addresses[0]).toMatch(/^10\.66\.0\./);
});

test.each<[string, Partial<Container>]>([
  ['the capability mac', { capabilities: { mac: 'C2:11:22:33:44:55' } }],
  ['MAC of CNI_ARGS', { args: 'IgnoreUnknown=1;MAC=c2:11:22:33:44:55' }],
  ['an annotation', annotations({ 'cni.projectcalico.org/hwAddr': 'c2:11:22:33:44:55' })],
])('%s asks for a MAC', async (_name, changes) => {
  const { interfaces } = await add({}, changes);
  expect(interfaces[1].mac).toBe('c2:11:22:33:44:55');
  expect(await pod.run('ip', ['link', 'show', 'eth0'])).toContain('link/ether c2:11:22:33:44:55');
});

test('an address that another pod has, or that is in no pool, is refused with its name, and nothing is left', async () => {
  await add({}, { capabilities: { ips: ['10.65.0.60'] } });
  const links = await agent.netns.run('ip', ['-br', 'link']);
  const second = { netns: pod.path, ifname: 'net1' };
  await expect(add({}, { ...second, capabilities: { ips: ['10.65.0.60'] } })).rejects.toThrow(/10\.65\.0\.60/);
  await expect(add({}, { ...second, capabilities: { ips: ['192.0.2.9'] } })).rejects.toThrow(/192\.0\.2\.9/);
  await expect(add({}, { ...second, ...annotations({ 'cni.projectcalico.org/ipAddrs': '["x"]' }) })).rejects.toThrow(
    /ipAddrs: must be an IP address/,
  );
  expect(await agent.netns.run('ip', ['-br', 'link'])).toBe(links);
});

test('a container forwards only where container_settings allow it; mtu 0 is the choice of the node', async () => {
  await add({ mtu: 0 });
  expect(await pod.run('sysctl', ['-n', 'net.ipv4.ip_forward'])).toBe('0\n');
  expect(await pod.run('ip', ['link', 'show', 'eth0'])).toContain('mtu 1450');
  for (const each of added.splice(0)) await runtime.del(each.list, each.container);
  await add({ container_settings: { allow_ip_forwarding: true }, mtu: 1300 });
  expect(await pod.run('sysctl', ['-n', 'net.ipv4.ip_forward'])).toBe('1\n');
  expect(await pod.run('ip', ['link', 'show', 'eth0'])).toContain('mtu 1300');
});

test('num_queues is the number of queues of both ends, one where nobody asks', async () => {
  const queues = async (netns: Netns, name: string) =>
    (await netns.run('ip', ['-d', 'link', 'show', name])).match(/num[tr]xqueues \d+/g);
  for (const [plugin, count] of [
    [{}, 1],
    [{ num_queues: 3 }, 3],
  ] as const) {
    const { interfaces } = await add(plugin);
    const expected = [`numtxqueues ${count}`, `numrxqueues ${count}`];
    expect(await queues(pod, 'eth0')).toEqual(expected);
    expect(await queues(agent.netns, interfaces[0].name)).toEqual(expected);
    for (const each of added.splice(0)) await runtime.del(each.list, each.container);
  }
});

test('a pod in two networks has an address of each, and what is done to one leaves the other alone', async () => {
  await add({});
  const blue: NetworkList = {
    cniVersion: '1.1.0',
    name: 'blue',
    plugins: [{ type: 'caracal', ipam: { type: 'caracal-ipam', ipv4_pools: ['manual'] } }],
  };
  const second = { ...container, ifname: 'net1' };
  added.push({ list: blue, container: second });
  const result = await runtime.add(blue, second);
  await runtime.check(blue, second, result);
  expect(result.ips[0].address).toMatch(/^10\.66\.0\./);
  expect(result.routes).toEqual([]);
  const interfaces = async () => (await pod.run('ip', ['-br', 'link'])).match(/^(eth0|net1)/gm);
  await runtime.gc(blue, [{ containerID: second.id, ifname: 'net1' }]);
  expect(await interfaces()).toEqual(['eth0', 'net1']);
  await runtime.gc(blue, []);
  expect(await interfaces()).toEqual(['eth0']);
  await runtime.gc(list(), []);
  expect(await interfaces()).toBe(null);
});

test('dhcp has nobody to ask on a routed interface, and says so', async () => {
  await expect(add({ ipam: { type: 'dhcp' } })).rejects.toThrow(/use it under bridge or macvlan/);
});
