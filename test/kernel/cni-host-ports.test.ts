import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type CniRuntime, type Container, createCniRuntime, type NetworkList } from '../support/cni-runtime.ts';
import { type LoneAgent, prepareLoneAgent } from '../support/lone-agent.ts';
import { connect, createNetns } from '../support/netns.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { type Place, type Prober, startProber } from './dataplane/prober.ts';

/** Ports of the node that lead to pods, by our plugin alone: traffic from outside, from the node, from pods, to oneself. */

let agent: LoneAgent;
let runtime: CniRuntime;
let node: Prober;
/** Two hosts outside, 198.51.100.2 and .3; policy lets the first alone reach pods with role=db. */
let friend: Place;
let stranger: Place;
let pods: Place[];
let folder: string;
const added: { list: NetworkList; container: Container }[] = [];

const policy = {
  kind: 'GlobalNetworkPolicy',
  apiVersion: 'projectcalico.org/v3',
  name: 'friends-of-db',
  spec: {
    tier: 'default',
    order: 10,
    selector: "role == 'db'",
    types: ['Ingress'],
    ingress: [{ action: 'Allow', source: { nets: ['198.51.100.2/32'] }, destination: {} }],
    egress: [],
    enforcement: 'Enforced',
  },
};

beforeAll(async () => {
  folder = makeTemporaryFolder('host-ports');
  agent = await prepareLoneAgent({ resources: [policy] });
  const outside = async (last: number): Promise<Place> => {
    const netns = await createNetns('out');
    await connect(
      { netns: agent.netns, interface: `out${last}` },
      { netns, interface: 'eth0', address: `198.51.100.${last}/24` },
    );
    await agent.netns.run('ip', ['link', 'set', `out${last}`, 'master', 'outs']);
    await netns.run('ip', ['route', 'add', 'default', 'via', '198.51.100.1']);
    return { netns, probe: startProber(netns) };
  };
  await agent.netns.run('ip', ['link', 'add', 'outs', 'type', 'bridge']);
  await agent.netns.run('ip', ['address', 'add', '198.51.100.1/24', 'dev', 'outs']);
  await agent.netns.run('ip', ['link', 'set', 'outs', 'up']);
  friend = await outside(2);
  stranger = await outside(3);
  await agent.start();
  runtime = createCniRuntime(agent.netns, [agent.cniBin]);
  node = startProber(agent.netns);
  pods = [];
  for (let i = 0; i < 2; i++) {
    const netns = await createNetns('pod');
    const probe = startProber(netns);
    await probe.listen('tcp', [80, 81]);
    await probe.listen('udp', [53]);
    pods.push({ netns, probe });
  }
});

afterEach(async () => {
  for (const each of added.splice(0).reverse()) await runtime.del(each.list, each.container);
});

afterAll(async () => {
  for (const { netns } of [...(pods ?? []), friend, stranger]) await netns?.remove();
  await agent?.remove();
  removeTemporaryFolder(folder);
});

let count = 0;
const mapping = (hostPort: number, containerPort: number, protocol = 'tcp', hostIP?: string) => ({
  hostPort,
  containerPort,
  protocol,
  ...(hostIP && { hostIP }),
});

async function add(pod: number, portMappings: readonly object[], labels: Record<string, string> = {}) {
  const list: NetworkList = {
    cniVersion: '1.1.0',
    name: 'caracal',
    plugins: [
      {
        type: 'caracal',
        capabilities: { portMappings: true },
        args: { cni: { labels: Object.entries(labels).map(([key, value]) => ({ key, value })) } },
      },
    ],
  };
  const container = { id: `h${++count}`, netns: pods[pod].netns.path, capabilities: { portMappings } };
  added.push({ list, container });
  const result = await runtime.add(list, container);
  await runtime.check(list, container, result);
  return result.ips[0].address.split('/')[0];
}

const tcp = (to: string, port: number) => ({ protocol: 'tcp' as const, to, port });
const udp = (to: string, port: number) => ({ protocol: 'udp' as const, to, port });
const nat = async () =>
  (await agent.netns.run('iptables-nft-save', ['-t', 'nat'])).split('\n').filter((line) => line.includes('cara-h'));
const hairpins = async () =>
  (await agent.netns.run('ipset', ['save', 'cara4-hairpin'])).split('\n').filter((line) => line.startsWith('add'));

test('a port of the node leads to the pod from outside, from the node itself, from another pod and from the pod', async () => {
  const before = await nat();
  await add(0, [mapping(8080, 80), mapping(8053, 53, 'udp'), mapping(0, 81)]);
  await add(1, []);
  for (const from of [friend.probe, node, pods[1].probe, pods[0].probe]) {
    expect(await from.reaches(tcp('192.0.2.1', 8080))).toBe(true);
    expect(await from.reaches(udp('198.51.100.1', 8053))).toBe(true);
  }
  expect(await node.reaches(tcp('127.0.0.1', 8080))).toBe(true);
  expect(await friend.probe.reaches(tcp('192.0.2.1', 81))).toBe(false);
  for (const each of added.splice(0).reverse()) await runtime.del(each.list, each.container);
  expect(await friend.probe.reaches(tcp('192.0.2.1', 8080))).toBe(false);
  expect(await nat()).toEqual(before);
  expect(await hairpins()).toEqual([]);
});

test("what a pod's policy does not let in does not come by a port of the node either: the client's address is kept", async () => {
  await add(0, [mapping(5432, 80)], { role: 'db' });
  await add(1, []);
  expect(await friend.probe.reaches(tcp('192.0.2.1', 5432))).toBe(true);
  expect(await stranger.probe.reaches(tcp('192.0.2.1', 5432))).toBe(false);
  expect(await pods[1].probe.reaches(tcp('192.0.2.1', 5432))).toBe(false);
  expect(await node.reaches(tcp('192.0.2.1', 5432))).toBe(true);
});

test('one port on two addresses of the node leads to two pods; on all, to whom no address is named for', async () => {
  await add(0, [mapping(8080, 80, 'tcp', '192.0.2.1'), mapping(8081, 80)]);
  await add(1, [mapping(8080, 81, 'tcp', '127.0.0.1'), mapping(8081, 82, 'tcp', '198.51.100.1')]);
  expect(await friend.probe.reaches(tcp('192.0.2.1', 8080))).toBe(true);
  expect(await friend.probe.reaches(tcp('198.51.100.1', 8080))).toBe(false);
  expect(await node.reaches(tcp('127.0.0.1', 8080))).toBe(true);
  expect(await friend.probe.reaches(tcp('192.0.2.1', 8081))).toBe(true);
  expect(await friend.probe.reaches(tcp('198.51.100.1', 8081))).toBe(false);
});

test('a pod that has a port by the loopback address reaches nothing on that of the node', async () => {
  await add(0, [mapping(8080, 80)]);
  await node.listen('tcp', [9000]);
  // What a pod with its routes in its own hands can try.
  await pods[0].netns.run('sysctl', ['-qw', 'net.ipv4.conf.all.route_localnet=1']);
  await pods[0].netns.run('ip', ['rule', 'add', 'pref', '0', 'to', '127.0.0.1', 'table', '77']);
  await pods[0].netns.run('ip', ['rule', 'add', 'pref', '1', 'table', 'local']);
  await pods[0].netns.run('ip', ['rule', 'del', 'pref', '0', 'table', 'local']);
  await pods[0].netns.run('ip', ['route', 'add', '127.0.0.1', 'via', '169.254.1.1', 'dev', 'eth0', 'table', '77']);
  try {
    expect(await pods[0].probe.reaches(tcp('192.0.2.1', 9000))).toBe(true);
    expect(await pods[0].probe.reaches(tcp('127.0.0.1', 9000))).toBe(false);
  } finally {
    await pods[0].netns.run('ip', ['rule', 'add', 'pref', '0', 'table', 'local']);
    await pods[0].netns.run('ip', ['rule', 'del', 'pref', '1']);
    await pods[0].netns.run('ip', ['rule', 'del', 'to', '127.0.0.1']);
  }
});

test('SCTP', async () => {
  const program = join(folder, 'sctp');
  execFileSync('musl-gcc', [
    '-static',
    '-O1',
    '-o',
    program,
    fileURLToPath(new URL('./dataplane/sctp.c', import.meta.url)),
  ]);
  const listener = pods[0].netns.spawn(program, ['listen'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: listener.stdout! });
  await once(lines, 'line');
  await add(0, [mapping(9899, 9080, 'sctp')]);
  const arrived = once(lines, 'line');
  await friend.netns.run(program, ['send', '192.0.2.1', '9899']);
  expect(await arrived).toEqual(['9080']);
});

test('a client that sends UDP all the time reaches the pod once it is there', async () => {
  const from = { from: '198.51.100.2', fromPort: 40_000 };
  expect(await friend.probe.reaches({ ...udp('192.0.2.1', 8053), ...from })).toBe(false);
  await add(0, [mapping(8053, 53, 'udp')]);
  await expect.poll(() => friend.probe.reaches({ ...udp('192.0.2.1', 8053), ...from }), { timeout: 20_000 }).toBe(true);
});

test('ports outlive the agent; what was removed meanwhile goes when it is back, what somebody has changed is mended', async () => {
  await add(0, [mapping(8080, 80)]);
  await add(1, [mapping(8081, 81)]);
  const rules = await nat();
  await agent.stop('SIGKILL');
  expect(await friend.probe.reaches(tcp('192.0.2.1', 8080))).toBe(true);
  const [, second] = added;
  await runtime.del(second.list, second.container);
  await agent.netns.run('iptables-nft', ['-t', 'nat', '-F', 'cara-hostports']);
  await agent.start();
  await expect.poll(nat, { timeout: 20_000 }).toEqual(rules.filter((rule) => !rule.includes('--dport 8081 ')));
  expect(await friend.probe.reaches(tcp('192.0.2.1', 8080))).toBe(true);
  await runtime.gc(second.list, []);
  expect(await friend.probe.reaches(tcp('192.0.2.1', 8080))).toBe(false);
  expect(await hairpins()).toEqual([]);
});

test('of two pods that want one port the later has it, and the earlier has it back', async () => {
  await add(0, [mapping(8080, 80)]);
  await add(1, [mapping(8080, 82)]);
  expect(await friend.probe.reaches(tcp('192.0.2.1', 8080))).toBe(false);
  const second = added.pop()!;
  await runtime.del(second.list, second.container);
  expect(await friend.probe.reaches(tcp('192.0.2.1', 8080))).toBe(true);
  expect(agent.log()).toContain('two pods want one port of the node');
});
