import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type CniRuntime, type Container, createCniRuntime, type NetworkList } from '../support/cni-runtime.ts';
import { type LoneAgent, prepareLoneAgent } from '../support/lone-agent.ts';
import { createNetns, type Netns } from '../support/netns.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

/** What others need a plugin more for: bandwidth and sysctls, in a chain of ours alone. */

let agent: LoneAgent;
let runtime: CniRuntime;
let pods: Netns[];
let folder: string;
const added: { list: NetworkList; container: Container }[] = [];

beforeAll(async () => {
  folder = makeTemporaryFolder('built-in');
  agent = await prepareLoneAgent({ config: { sysctlAllowList: join(folder, 'allowlist.conf') } });
  await agent.start();
  runtime = createCniRuntime(agent.netns, [agent.cniBin]);
  pods = [await createNetns('pod'), await createNetns('pod')];
});

afterEach(async () => {
  for (const each of added.splice(0).reverse()) await runtime.del(each.list, each.container);
  rmSync(join(folder, 'allowlist.conf'), { force: true });
});

afterAll(async () => {
  for (const pod of pods ?? []) await pod.remove();
  await agent?.remove();
  removeTemporaryFolder(folder);
});

let count = 0;
async function add(pod: number, plugin: object, capabilities: object = {}) {
  const declared = { bandwidth: true, 'io.kubernetes.cri.pod-annotations': true };
  const list: NetworkList = {
    cniVersion: '1.1.0',
    name: 'caracal',
    plugins: [{ type: 'caracal', capabilities: declared, ...plugin }],
  };
  const container = { id: `b${++count}`, netns: pods[pod].path, capabilities: { ...capabilities } };
  added.push({ list, container });
  const result = await runtime.add(list, container);
  const check = () => runtime.check(list, container, result);
  await check();
  return { address: result.ips[0].address.split('/')[0], host: result.interfaces[0].name, check };
}

/** Megabits that arrive in a second of sending as fast as it goes, from one place to an address of another. */
async function measure(from: Netns, to: Netns, address: string): Promise<number> {
  const receiver = `
    const server = require('node:net').createServer((socket) => {
      let bytes = 0, start = 0;
      socket.on('data', (chunk) => { start ||= performance.now(); bytes += chunk.length; });
      socket.on('close', () => { console.log(bytes * 8 / (performance.now() - start) / 1000); server.close(); });
      socket.on('error', () => {});
    }).listen(5001, () => console.error('ready'));`;
  const sender = `
    const socket = require('node:net').connect(5001, '${address}');
    const chunk = Buffer.alloc(1 << 16);
    const more = () => { while (socket.write(chunk)); };
    socket.on('connect', () => { more(); setTimeout(() => socket.resetAndDestroy(), 1000); });
    socket.on('drain', more); socket.on('error', () => {});`;
  const listening = to.spawn(process.execPath, ['-e', receiver], { stdio: ['ignore', 'pipe', 'pipe'] });
  await new Promise((resolve) => listening.stderr!.once('data', resolve));
  const output = text(listening.stdout!);
  await from.run(process.execPath, ['-e', sender]);
  return Number(await output);
}

const shaped = async () => {
  const [links, qdiscs] = [await agent.netns.run('ip', ['-br', 'link']), await agent.netns.run('tc', ['qdisc'])];
  return { ifbs: links.split('\n').filter((line) => line.startsWith('cifb')).length, qdiscs };
};

test('the capability bandwidth limits what a pod is sent, and what it sends; DEL leaves nothing', async () => {
  const before = await shaped();
  const limited = await add(0, {}, { bandwidth: { ingressRate: 8e6, ingressBurst: 256_000, egressRate: 16e6 } });
  const open = await add(1, {});
  // The same way without limits carries hundreds of times as much; the first burst counts for little.
  expect(await measure(agent.netns, pods[1], open.address)).toBeGreaterThan(100);
  for (const [from, to, address, rate] of [
    [pods[1], pods[0], limited.address, 8],
    [pods[0], pods[1], open.address, 16],
  ] as const) {
    const carried = await measure(from, to, address);
    expect(carried).toBeGreaterThan(rate / 8);
    expect(carried).toBeLessThan(rate * 1.5);
  }
  await agent.netns.run('tc', ['qdisc', 'del', 'dev', limited.host, 'root']);
  await expect(limited.check()).rejects.toThrow(/what the pod is sent by cara\w+ is not limited/);
  for (const each of added.splice(0)) await runtime.del(each.list, each.container);
  expect(await shaped()).toEqual(before);
});

test('annotations limit as well, with Kubernetes quantities, and the runtime has the last word', async () => {
  const annotations = { 'kubernetes.io/ingress-bandwidth': '10M', 'cni.caracal.network/egressBandwidth': '1Gi' };
  const one = await add(0, {}, { 'io.kubernetes.cri.pod-annotations': annotations });
  expect((await shaped()).qdiscs).toMatch(new RegExp(`dev ${one.host} root .*rate 10Mbit`));
  expect((await shaped()).qdiscs).toMatch(
    new RegExp(`dev cifb${one.host.slice(4)} root .*rate 1073741824bit|rate 1073Mbit|rate 1073741Kbit`),
  );
  const two = await add(1, {}, { 'io.kubernetes.cri.pod-annotations': annotations, bandwidth: { ingressRate: 50e9 } });
  expect((await shaped()).qdiscs).toMatch(new RegExp(`dev ${two.host} root .*rate 50Gbit`));
  expect((await shaped()).ifbs).toBe(1);
  const wrong = { 'kubernetes.io/egress-bandwidth': 'fast' };
  await expect(add(1, {}, { 'io.kubernetes.cri.pod-annotations': wrong })).rejects.toThrow(
    /egress-bandwidth: .*fast.* is no quantity/,
  );
});

test('limits outlive the agent; those of a pod whose namespace is gone go when the next one starts', async () => {
  const lost = await createNetns('pod');
  pods.push(lost);
  const kept = await add(0, {}, { bandwidth: { egressRate: 10e6 } });
  await add(2, {}, { bandwidth: { egressRate: 10e6 } });
  await agent.stop('SIGKILL');
  await lost.remove();
  await expect.poll(async () => (await agent.netns.run('ip', ['-br', 'link'])).match(/^cara/gm)).toHaveLength(1);
  expect((await shaped()).ifbs).toBe(2);
  await agent.start();
  expect((await shaped()).ifbs).toBe(1);
  await kept.check();
});

test('sysctl of the configuration is set in the container alone, and CHECK sees when it is not any more', async () => {
  const sysctl = {
    'net.core.somaxconn': '77',
    'net.ipv4.conf.IFNAME.arp_filter': '1',
    'net/ipv4/ip_local_port_range': '2000 3000',
  };
  const host = await agent.netns.run('sysctl', ['-n', 'net.core.somaxconn']);
  const { check } = await add(0, { sysctl });
  const names = ['net.core.somaxconn', 'net.ipv4.conf.eth0.arp_filter', 'net.ipv4.ip_local_port_range'];
  expect(await pods[0].run('sysctl', ['-n', ...names])).toBe('77\n1\n2000\t3000\n');
  expect(await agent.netns.run('sysctl', ['-n', 'net.core.somaxconn'])).toBe(host);
  await pods[0].run('sysctl', ['-qw', 'net.core.somaxconn=78']);
  await expect(check()).rejects.toThrow(/net.core.somaxconn in the pod is 78, not 77/);
});

test.each<[string, object, RegExp]>([
  ['of the whole machine', { 'kernel.panic': '1' }, /sysctl\.kernel\.panic: is no sysctl of a container/],
  ['that climbs out', { 'net/../kernel/panic': '1' }, /is no sysctl of a container/],
  ['that the kernel does not have', { 'net.core.nothing': '1' }, /net\/core\/nothing/],
  [
    'that the administrator does not allow',
    { 'net.core.wmem_default': '1' },
    /allowlist\.conf does not allow net\.core\.wmem_default/,
  ],
])('a sysctl %s is refused, and nothing is left', async (_name, sysctl, message) => {
  writeFileSync(join(folder, 'allowlist.conf'), '^net\\.core\\.n\n^net\\.ipv4\\.\n');
  const before = await agent.netns.run('ip', ['-br', 'link']);
  await expect(add(0, { sysctl })).rejects.toThrow(message);
  added.pop();
  expect(await agent.netns.run('ip', ['-br', 'link'])).toBe(before);
});
