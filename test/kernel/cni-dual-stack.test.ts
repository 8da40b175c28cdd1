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

/** Pods of both families, and of IPv6 alone: addresses, routes, policy, ports of the node. */

let agent: LoneAgent;
let runtime: CniRuntime;
let node: Prober;
let outside: Place;
let pods: Place[];
const added: { list: NetworkList; container: Container }[] = [];

/** Pods with role=db take TCP 80 from pods with role=web and from 2001:db8:9::2; they answer pings of web. */
const policy = {
  kind: 'GlobalNetworkPolicy',
  apiVersion: 'projectcalico.org/v3',
  name: 'db',
  spec: {
    tier: 'default',
    order: 10,
    selector: "role == 'db'",
    types: ['Ingress'],
    ingress: [
      { action: 'Allow', protocol: 'TCP', source: { selector: "role == 'web'" }, destination: { ports: [80] } },
      { action: 'Allow', protocol: 'TCP', source: { nets: ['2001:db8:9::2/128'] }, destination: { ports: [80] } },
      {
        action: 'Allow',
        protocol: 'ICMPv6',
        icmp: { type: 128 },
        source: { selector: "role == 'web'" },
        destination: {},
      },
    ],
    egress: [],
    enforcement: 'Enforced',
  },
};

/** Pods with role=mute may begin nothing. */
const mute = {
  ...policy,
  name: 'mute',
  spec: { ...policy.spec, selector: "role == 'mute'", types: ['Egress'], ingress: [] },
};

beforeAll(async () => {
  agent = await prepareLoneAgent({
    pools: [
      { name: 'four', cidr: '10.65.0.0/16', block: '10.65.0.0/24' },
      { name: 'six', cidr: 'fd00:65::/64', block: 'fd00:65::/120' },
      {
        name: 'natted',
        cidr: 'fd00:66::/64',
        block: 'fd00:66::/120',
        spec: { assignmentMode: 'Manual', natOutgoing: true },
      },
    ],
    resources: [policy, mute],
  });
  outside = await place();
  // The way outside is up at once as well.
  for (const { run } of [agent.netns, outside.netns])
    await run('sysctl', ['-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.all.accept_dad=0']);
  await connect(
    { netns: agent.netns, interface: 'out0', address: '198.51.100.1/24' },
    { netns: outside.netns, interface: 'eth0', address: '198.51.100.2/24' },
  );
  await outside.netns.run('ip', ['route', 'add', '10.65.0.0/16', 'via', '198.51.100.1']);
  await agent.netns.run('ip', ['address', 'add', '2001:db8:9::1/64', 'dev', 'out0', 'nodad']);
  await outside.netns.run('ip', ['address', 'add', '2001:db8:9::2/64', 'dev', 'eth0', 'nodad']);
  await outside.netns.run('ip', ['route', 'add', 'fd00:65::/64', 'via', '2001:db8:9::1']);
  await agent.start();
  runtime = createCniRuntime(agent.netns, [agent.cniBin]);
  node = startProber(agent.netns);
  pods = [await place(), await place(), await place()];
  for (const { probe } of [...pods, outside]) {
    await probe.listen('tcp', [80, 81]);
    await probe.listen('udp', [53]);
  }
});

async function place(): Promise<Place> {
  const netns = await createNetns('dual');
  return { netns, probe: startProber(netns) };
}

afterEach(async () => {
  for (const each of added.splice(0).reverse()) await runtime.del(each.list, each.container);
});

afterAll(async () => {
  for (const { netns } of [...(pods ?? []), outside]) await netns?.remove();
  await agent?.remove();
});

let count = 0;
async function add(pod: number, role: string, plugin: object = {}, capabilities: object = {}) {
  const labels = [{ key: 'role', value: role }];
  const list: NetworkList = {
    cniVersion: '1.0.0',
    name: 'caracal',
    plugins: [{ type: 'caracal', capabilities: { portMappings: true }, args: { cni: { labels } }, ...plugin }],
  };
  const container = { id: `d${++count}`, netns: pods[pod].netns.path, capabilities: { ...capabilities } };
  added.push({ list, container });
  const result = await runtime.add(list, container);
  const check = () => runtime.check(list, container, result);
  await check();
  const [four, six] = [false, true].map((v6) => result.ips.find(({ address }) => address.includes(':') === v6));
  return { result, check, four: four?.address.split('/')[0], six: six?.address.split('/')[0] };
}

const tcp = (to: string, port: number) => ({ protocol: 'tcp' as const, to, port });
const ping = (to: string) => ({ protocol: 'icmp' as const, to });
const kernel = async () => [
  await agent.netns.run('ip', ['-6', 'route']),
  (await agent.netns.run('ip6tables-nft-save', [])).replace(/\[\d+:\d+\]|^#.*$/gm, ''),
];

test('both families are in the result, and at once in use: no address is tentative', async () => {
  const { result, four, six } = await add(0, 'web');
  expect(result.ips).toMatchObject([
    { address: expect.stringMatching(/^10\.65\.0\.\d+\/32$/), gateway: '169.254.1.1', interface: 1 },
    { address: expect.stringMatching(/^fd00:65::[0-9a-f]*\/128$/), gateway: 'fe80::ecee:eeff:feee:eeee', interface: 1 },
  ]);
  expect(result.routes).toEqual([
    { dst: '0.0.0.0/0', gw: '169.254.1.1' },
    { dst: '::/0', gw: 'fe80::ecee:eeff:feee:eeee' },
  ]);
  expect(await pods[0].netns.run('ip', ['-6', 'address'])).not.toMatch(/tentative|dadfailed/);
  expect(await node.reaches(tcp(six!, 80))).toBe(true);
  expect(await node.reaches(tcp(four!, 80))).toBe(true);
  expect(await pods[0].probe.reaches(tcp('2001:db8:9::2', 80))).toBe(true);
  expect(await outside.probe.reaches(tcp(six!, 80))).toBe(true);
});

test('policy holds for both families: named pods, networks, protocols; nobody sends under an address that is not his', async () => {
  await add(0, 'web');
  const db = await add(1, 'db');
  const other = await add(2, 'other');
  for (const address of [db.four!, db.six!]) {
    expect(await pods[0].probe.reaches(tcp(address, 80))).toBe(true);
    expect(await pods[0].probe.reaches(tcp(address, 81))).toBe(false);
    expect(await pods[2].probe.reaches(tcp(address, 80))).toBe(false);
  }
  expect(await outside.probe.reaches(tcp(db.six!, 80))).toBe(true);
  expect(await pods[0].probe.reaches(ping(db.six!))).toBe(true);
  expect(await pods[0].probe.reaches(ping(db.four!))).toBe(false);
  expect(await pods[2].probe.reaches(ping(db.six!))).toBe(false);
  await pods[0].netns.run('ip', ['address', 'add', 'fd00:65::aa/128', 'dev', 'eth0', 'nodad']);
  await agent.netns.run('ip', ['route', 'add', 'fd00:65::aa', 'dev', await hostEnd(0)]);
  expect(await pods[0].probe.reaches(tcp(other.six!, 80))).toBe(true);
  expect(await pods[0].probe.reaches({ ...tcp(other.six!, 80), from: 'fd00:65::aa' })).toBe(false);
});

/** The host's end of a pod. */
async function hostEnd(pod: number): Promise<string> {
  const index = /eth0@if(\d+)/.exec(await pods[pod].netns.run('ip', ['-o', 'link']))![1];
  return /cara\w+/.exec(
    (await agent.netns.run('ip', ['-o', 'link'])).split('\n').find((line) => line.startsWith(`${index}:`))!,
  )![0];
}

test('a pod that may send nothing is found by its neighbour all the same, and answers', async () => {
  const { six } = await add(0, 'mute');
  expect(await outside.probe.reaches(tcp(six!, 80))).toBe(true);
  expect(await node.reaches(tcp(six!, 80))).toBe(true);
  expect(await pods[0].probe.reaches(tcp('2001:db8:9::2', 80))).toBe(false);
});

test.each<[string, object, RegExp, boolean]>([
  ['IPv4 alone', { ipam: { type: 'calico-ipam', assign_ipv4: 'true', assign_ipv6: 'false' } }, /^10\./, false],
  ['IPv6 alone', { ipam: { type: 'calico-ipam', assign_ipv4: 'false', assign_ipv6: 'true' } }, /^fd00:65:/, true],
  ['a pool of IPv6', { ipam: { type: 'caracal-ipam', ipv6_pools: ['natted'] } }, /^fd00:66:/, true],
])('the configuration may ask for %s', async (_name, plugin, address, hasIpv6) => {
  const { result } = await add(0, 'web', plugin);
  expect(result.ips.map((ip) => ip.address)).toEqual([expect.stringMatching(address)]);
  const addresses = await pods[0].netns.run('ip', ['-6', 'address', 'show', 'dev', 'eth0']);
  expect(addresses !== '').toBe(hasIpv6);
  // From this pool they leave with the node's address: outside knows no way back.
  if (hasIpv6) expect(await pods[0].probe.reaches(tcp('2001:db8:9::2', 80))).toBe(true);
});

test('a port of the node leads to the pod by both families', async () => {
  const portMappings = [
    { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
    { hostPort: 8053, containerPort: 53, protocol: 'udp' },
  ];
  await add(0, 'web', {}, { portMappings });
  for (const to of ['2001:db8:9::1', '198.51.100.1'])
    expect(await outside.probe.reaches({ protocol: 'udp', to, port: 8053 })).toBe(true);
  await add(
    1,
    'db',
    {},
    { portMappings: [{ hostPort: 8081, containerPort: 80, protocol: 'tcp', hostIP: '2001:db8:9::1' }] },
  );
  expect(await outside.probe.reaches(tcp('2001:db8:9::1', 8080))).toBe(true);
  expect(await outside.probe.reaches(tcp('2001:db8:9::1', 8081))).toBe(true);
  expect(await node.reaches(tcp('2001:db8:9::1', 8080))).toBe(true);
  expect(await node.reaches(tcp('192.0.2.1', 8080))).toBe(true);
  expect(await pods[0].probe.reaches(tcp('2001:db8:9::1', 8080))).toBe(true);
});

test('SCTP as well by IPv6', async () => {
  const folder = makeTemporaryFolder('sctp6');
  try {
    const program = join(folder, 'sctp');
    const source = fileURLToPath(new URL('./dataplane/sctp.c', import.meta.url));
    execFileSync('musl-gcc', ['-static', '-O1', '-o', program, source]);
    const listener = pods[0].netns.spawn(program, ['listen6'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: listener.stdout! });
    await once(lines, 'line');
    await add(0, 'web', {}, { portMappings: [{ hostPort: 9899, containerPort: 9080, protocol: 'sctp' }] });
    const arrived = once(lines, 'line');
    await outside.netns.run(program, ['send', '2001:db8:9::1', '9899']);
    expect(await arrived).toEqual(['9080']);
    listener.kill('SIGKILL');
  } finally {
    removeTemporaryFolder(folder);
  }
});

test('of a second interface too: requests come to its addresses, and the answers leave by it', async () => {
  const first = await add(0, 'web');
  const list: NetworkList = { cniVersion: '1.0.0', name: 'second', plugins: [{ type: 'caracal' }] };
  const container = { id: `d${count}`, netns: pods[0].netns.path, ifname: 'net1' };
  for (let again = 0; again < 2; again++) {
    added.push({ list, container });
    const result = await runtime.add(list, container);
    expect(result.routes ?? []).toEqual([]);
    const [four, six] = result.ips.map(({ address }) => address.split('/')[0]);
    for (const address of [four, six, first.six!]) expect(await outside.probe.reaches(tcp(address, 80))).toBe(true);
    await runtime.check(list, container, result);
    await runtime.del(list, container, result);
    added.pop();
  }
  await first.check();
});

test('CHECK sees what is missing of IPv6, DEL leaves nothing, and a second interface leaves the first one alone', async () => {
  await add(2, 'web');
  for (const each of added.splice(0)) await runtime.del(each.list, each.container);
  const before = await kernel();
  const { check, six } = await add(0, 'web');
  const four = { type: 'caracal-ipam', assign_ipv4: true, assign_ipv6: false };
  const list: NetworkList = { cniVersion: '1.0.0', name: 'second', plugins: [{ type: 'caracal', ipam: four }] };
  const container = { id: `d${count}`, netns: pods[0].netns.path, ifname: 'net1' };
  await runtime.add(list, container);
  added.push({ list, container });
  expect(await node.reaches(tcp(six!, 80))).toBe(true);
  await pods[0].netns.run('ip', ['-6', 'route', 'del', 'default']);
  await expect(check()).rejects.toThrow(/default route by fe80::/);
  await agent.netns.run('ip', ['-6', 'route', 'del', six!]);
  await expect(check()).rejects.toThrow(new RegExp(`the route to ${six}`));
  for (const each of added.splice(0).reverse()) await runtime.del(each.list, each.container);
  expect(await kernel()).toEqual(before);
});

test('rules of IPv6 outlive the agent, and are taken up by the next one', async () => {
  await add(0, 'web');
  const db = await add(1, 'db');
  await agent.stop('SIGKILL');
  expect(await pods[0].probe.reaches(tcp(db.six!, 80))).toBe(true);
  expect(await pods[0].probe.reaches(tcp(db.six!, 81))).toBe(false);
  await agent.netns.run('ip6tables-nft', ['-F', 'cara-accept']);
  await agent.start();
  await expect.poll(() => pods[0].probe.reaches(tcp(db.six!, 80)), { timeout: 20_000 }).toBe(true);
  expect(await pods[0].probe.reaches(tcp(db.six!, 81))).toBe(false);
  await db.check();
});
