import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { removeDataplane } from '@caracal/dataplane';
import { noChange } from '@caracal/policy';
import { type Processes, systemProcesses } from 'iptables-wrapper';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestNode, type TestNode, type TestPod } from './dataplane/pod-network.ts';
import { dataplaneIn, endpointOf, port, rule, set, tier } from './dataplane/scene.ts';

let node: TestNode;
let a: TestPod;
let b: TestPod;
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  node = await createTestNode();
  a = await node.addPod('10.65.0.2', 'caraaaaaaaaaaaa', ['10.65.0.99']);
  b = await node.addPod('10.65.0.3', 'carabbbbbbbbbbb');
  for (const place of [a, b, node, node.outside]) await place.probe.listen('tcp', [80, 81]);
}, 30_000);

afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
  await node.remove();
}, 30_000);

async function started(options: Parameters<typeof dataplaneIn>[1] = {}) {
  const dataplane = dataplaneIn(node, options);
  running.push(dataplane);
  await dataplane.start();
  return dataplane;
}

const save = async (command = 'iptables-nft-save') =>
  (await node.netns.run(command, [])).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const setMembers = async (name: string) =>
  (await node.netns.run('ipset', ['save', name])).split('\n').filter((line) => line.startsWith('add ')).length;
const setNames = async () => (await node.netns.run('ipset', ['list', '-n'])).split('\n').filter((name) => name !== '');
const tcp = (to: string, toPort = 80, from?: string) => ({
  protocol: 'tcp' as const,
  to,
  port: toPort,
  ...(from ? { from } : {}),
});

/** Pod b takes TCP 80 from pod a. */
const policy = {
  id: 'knp/shop/db',
  ingress: [rule({ protocol: 6, source: { sets: ['web'] }, destination: { ports: port(80) } })],
  egress: [],
};
const scene = () => ({
  ...noChange,
  sets: [set('web', ['10.65.0.2'])],
  policies: [policy],
  endpoints: [endpointOf(a), endpointOf(b, { ingress: [tier(['knp/shop/db'])] })],
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('an interface that nobody told of is closed to pods, node and outside; the node still reaches known pods', async () => {
  const dataplane = await started();
  await dataplane.update({ ...noChange, endpoints: [endpointOf(a)] });
  expect(await a.probe.reaches(tcp(node.outside.address))).toBe(true);
  expect(await a.probe.reaches(tcp(node.address))).toBe(true);
  expect(await node.probe.reaches(tcp(a.address))).toBe(true);
  expect(await node.outside.probe.reaches(tcp(a.address))).toBe(true);
  expect(await a.probe.reaches(tcp(b.address))).toBe(false);
  expect(await b.probe.reaches(tcp(a.address))).toBe(false);
  expect(await b.probe.reaches(tcp(node.address))).toBe(false);
  expect(await b.probe.reaches(tcp(node.outside.address))).toBe(false);
  expect(await node.outside.probe.reaches(tcp(b.address))).toBe(false);
  await dataplane.update({ ...noChange, endpoints: [endpointOf(b)] });
  expect(await a.probe.reaches(tcp(b.address))).toBe(true);
  await dataplane.update({ ...noChange, removedEndpoints: [endpointOf(b).id] });
  expect(await a.probe.reaches(tcp(b.address))).toBe(false);
});

test('a pod sends with its own addresses only', async () => {
  const dataplane = await started();
  await dataplane.update({ ...noChange, endpoints: [endpointOf(a), endpointOf(b)] });
  expect(await a.probe.reaches(tcp(b.address))).toBe(true);
  expect(await a.probe.reaches(tcp(b.address, 80, '10.65.0.99'))).toBe(false);
  await dataplane.update({ ...noChange, endpoints: [endpointOf(a, { addresses: ['10.65.0.2', '10.65.0.99'] })] });
  expect(await a.probe.reaches(tcp(b.address, 80, '10.65.0.99'))).toBe(true);
  expect(await a.probe.reaches(tcp(b.address))).toBe(true);
  await dataplane.update({ ...noChange, endpoints: [endpointOf(a, { addresses: [] })] });
  expect(await a.probe.reaches(tcp(b.address))).toBe(false);
});

test('what a pod sends to its node is subject to its egress, what the node sends to its pods to nothing', async () => {
  const dataplane = await started();
  const egress = { id: 'gnp/out', ingress: [], egress: [rule({ protocol: 6, destination: { ports: port(80) } })] };
  await dataplane.update({
    ...noChange,
    policies: [egress],
    endpoints: [endpointOf(a, { egress: [tier(['gnp/out'])], ingress: [tier(['gnp/out'])] })],
  });
  expect(await a.probe.reaches(tcp(node.address, 80))).toBe(true);
  expect(await a.probe.reaches(tcp(node.address, 81))).toBe(false);
  expect(await node.outside.probe.reaches(tcp(a.address, 81))).toBe(false);
  expect(await node.probe.reaches(tcp(a.address, 81))).toBe(true);
});

test('established flows pass, and nothing is left of the accept mark for new ones', async () => {
  const dataplane = await started();
  await dataplane.update(scene());
  // The answer of b to a is an established flow that no rule of a's ingress would allow.
  await dataplane.update({ ...noChange, endpoints: [endpointOf(a, { ingress: [tier(['knp/shop/db'])] })] });
  expect(await a.probe.reaches(tcp(b.address, 80))).toBe(true);
  expect(await b.probe.reaches(tcp(a.address, 80))).toBe(false);
  // A mark that somebody else has set allows nothing.
  await node.netns.run('iptables-nft', ['-t', 'mangle', '-A', 'PREROUTING', '-j', 'MARK', '--set-xmark', '0xffffffff']);
  expect(await a.probe.reaches(tcp(b.address, 81))).toBe(false);
  expect(await a.probe.reaches(tcp(b.address, 80))).toBe(true);
});

test('pods of a masquerading pool reach what is outside all pools as their node', async () => {
  const dataplane = await started();
  await dataplane.update({ ...noChange, endpoints: [endpointOf(a), endpointOf(b)] });
  // Without a way back the answer comes only if the node's address was used.
  await node.outside.netns.run('ip', ['route', 'del', '10.65.0.0/16']);
  await dataplane.setPools([{ cidr: '10.65.0.0/16', natOutgoing: false }]);
  expect(await a.probe.reaches(tcp(node.outside.address))).toBe(false);
  await dataplane.setPools([
    { cidr: '10.65.0.0/16', natOutgoing: true },
    { cidr: 'fd00::/64', natOutgoing: true },
  ]);
  expect(await a.probe.reaches(tcp(node.outside.address))).toBe(true);
  // Another pool is no outside.
  await dataplane.setPools([
    { cidr: '10.65.0.0/16', natOutgoing: true },
    { cidr: '192.0.2.0/24', natOutgoing: false },
  ]);
  expect(await a.probe.reaches(tcp(node.outside.address))).toBe(false);
  await dataplane.setPools([{ cidr: '10.65.0.0/16', natOutgoing: true }]);
  // Pod to pod keeps its address: b takes it from a's only.
  await dataplane.update({ ...scene(), policies: [policy] });
  expect(await a.probe.reaches(tcp(b.address))).toBe(true);
});

test('IPv6 does not pass pods interfaces', async () => {
  await node.netns.run('sysctl', ['-qw', 'net.ipv6.conf.all.forwarding=1']);
  const address = async (pod: TestPod, host: string, own: string) => {
    await node.netns.run('ip', ['-6', 'address', 'add', `${host}/64`, 'dev', pod.interfaceName, 'nodad']);
    await pod.netns.run('ip', ['-6', 'address', 'add', `${own}/64`, 'dev', 'eth0', 'nodad']);
    await pod.netns.run('ip', ['-6', 'route', 'add', 'default', 'via', host]);
  };
  await address(a, 'fd00:a::1', 'fd00:a::2');
  await address(b, 'fd00:b::1', 'fd00:b::2');
  await node.netns.run('ip', ['-6', 'address', 'add', 'fd00:c::1/64', 'dev', 'uplink', 'nodad']);
  await node.outside.netns.run('ip', ['-6', 'address', 'add', 'fd00:c::2/64', 'dev', 'eth0', 'nodad']);
  await node.outside.netns.run('ip', ['-6', 'route', 'add', 'default', 'via', 'fd00:c::1']);
  const ping = async (from: TestPod['netns'], to: string) =>
    (await from.try('ping', ['-6', '-c', '1', '-W', '1', to])).code === 0;
  // The link-local addresses that neighbour discovery uses come up a moment later.
  await expect.poll(() => ping(a.netns, 'fd00:b::2'), { timeout: 10_000 }).toBe(true);
  await expect.poll(() => ping(node.outside.netns, 'fd00:b::2'), { timeout: 10_000 }).toBe(true);
  expect(await ping(a.netns, 'fd00:b::1')).toBe(true);
  await started();
  expect(await ping(a.netns, 'fd00:b::2')).toBe(false);
  expect(await ping(a.netns, 'fd00:b::1')).toBe(false);
  // Answers would be dropped too, so that the pod must not even see the question.
  const received = async () => Number(/Icmp6InEchos\s+(\d+)/.exec(await b.netns.run('cat', ['/proc/net/snmp6']))?.[1]);
  const before = await received();
  expect(await ping(node.outside.netns, 'fd00:b::2')).toBe(false);
  expect(await received()).toBe(before);
});

test('what somebody changed of ours is repaired, named, and nothing of others is touched', async () => {
  const iptables = (...args: string[]) => node.netns.run('iptables-nft', args);
  await iptables('-A', 'FORWARD', '-s', '203.0.113.1', '-j', 'ACCEPT');
  await iptables('-N', 'theirs');
  await node.netns.run('ipset', ['create', 'theirs', 'hash:ip']);
  const dataplane = await started();
  await dataplane.update(scene());
  await dataplane.setPools([{ cidr: '10.65.0.0/16', natOutgoing: true }]);
  const before = await save();
  expect(before).toContain('-A FORWARD -s 203.0.113.1/32 -j ACCEPT');
  expect(await dataplane.resync()).toEqual([]);

  await iptables('-F', 'cara-tw-bbbbbbbbbbb');
  await iptables('-D', 'FORWARD', '-j', 'cara-FORWARD');
  await iptables('-I', 'INPUT', '-s', '203.0.113.2', '-j', 'ACCEPT');
  await iptables('-A', 'INPUT', '-j', 'cara-INPUT');
  await iptables('-A', 'theirs', '-j', 'cara-accept');
  await iptables('-N', 'cara-stray');
  await iptables('-A', 'cara-conntrack', '-j', 'ACCEPT');
  await iptables('-t', 'nat', '-F', 'POSTROUTING');
  await node.netns.run('ipset', ['add', 'cara4-n-web', '10.66.0.0/16']);
  await node.netns.run('ipset', ['del', 'cara4-n-web', '10.65.0.2']);
  await node.netns.run('ip6tables-nft', ['-F', 'FORWARD']);

  const repaired = await dataplane.resync();
  expect([...repaired].sort()).toEqual([
    'cara-conntrack',
    'cara-stray',
    'cara-tw-bbbbbbbbbbb',
    'cara4-n-web',
    'jump from FORWARD',
    'jump from FORWARD (IPv6)',
    'jump from INPUT',
    'jump from POSTROUTING',
    'jump from theirs',
  ]);
  const after = await save();
  expect(after.filter((line) => !line.includes('203.0.113.2'))).toEqual(before);
  expect(after).toContain('-A INPUT -s 203.0.113.2/32 -j ACCEPT');
  expect(await node.netns.run('ipset', ['save', 'cara4-n-web'])).toMatch(/^create .*\nadd cara4-n-web 10\.65\.0\.2\n$/);
  expect(await setNames()).toContain('theirs');
  expect(await dataplane.resync()).toEqual([]);
});

test('sets and chains that vanished altogether come back', async () => {
  const dataplane = await started();
  await dataplane.update(scene());
  await dataplane.setPools([{ cidr: '10.65.0.0/16', natOutgoing: true }]);
  const before = await save();
  for (const table of ['filter', 'nat']) {
    await node.netns.run('iptables-nft', ['-t', table, '-F']);
    await node.netns.run('iptables-nft', ['-t', table, '-X']);
  }
  // The kernel lets go of the sets a moment later.
  await expect.poll(async () => (await node.netns.try('ipset', ['destroy'])).code, { timeout: 5000 }).toBe(0);
  const repaired = await dataplane.resync();
  expect(repaired).toContain('cara4-n-web');
  expect(await save()).toEqual(before);
  expect(await a.probe.reaches(tcp(b.address))).toBe(true);
  expect(await a.probe.reaches(tcp(b.address, 81))).toBe(false);
});

test('after a restart the old rules stand until the first complete state, then all that is stale goes', async () => {
  const first = await started();
  await first.update({
    ...scene(),
    sets: [...scene().sets, set('old', ['10.0.0.1'])],
    policies: [policy, { id: 'gnp/old', ingress: [rule({ source: { sets: ['old'] } })], egress: [] }],
  });
  await first.setPools([{ cidr: '10.65.0.0/16', natOutgoing: true }]);
  await first.stop();
  const before = await save();

  const second = await started();
  expect(await save()).toEqual(before);
  expect(await a.probe.reaches(tcp(b.address, 80))).toBe(true);
  expect(await a.probe.reaches(tcp(b.address, 81))).toBe(false);
  // Translation is a part of its own.
  await second.setPools([{ cidr: '10.65.0.0/16', natOutgoing: true }]);
  expect(await save()).toEqual(before);

  await second.update(scene());
  expect((await save()).filter((line) => /old/.test(line))).toEqual([]);
  await expect.poll(setNames, { timeout: 5000 }).not.toContain('cara4-n-old');
  expect(await a.probe.reaches(tcp(b.address, 80))).toBe(true);
  expect(await a.probe.reaches(tcp(b.address, 81))).toBe(false);
  expect(await second.resync()).toEqual([]);
});

/** Real processes, in which whatever is written for one command goes through `change` first. */
function tampering(command: string, change: (text: string) => string): Processes {
  const real = systemProcesses(['nsenter', `--net=${node.netns.path}`]);
  return {
    read: real.read,
    start(file, args) {
      const process = real.start(file, args);
      if (![file, ...args].includes(command)) return process;
      const write = process.write;
      process.write = (text) => write(change(text));
      return process;
    },
  };
}

const twoPolicies = (bad: ReturnType<typeof rule>) => ({
  ...scene(),
  policies: [policy, { id: 'np/shop/bad', ingress: [bad], egress: [] }],
  endpoints: [endpointOf(a, { ingress: [tier(['np/shop/bad'])] }), endpointOf(b, { ingress: [tier(['knp/shop/db'])] })],
});

test.each([
  // Refused where it is read: iptables names the line.
  ['203.0.113.66/99', /np\/shop\/bad, ingress: .*203\.0\.113\.66/],
  // Refused at COMMIT, as nobody's fault in particular: found by halves.
  ['203.0.113.66/32 -j cara-nowhere\n#', /np\/shop\/bad, ingress: Chain 'cara-nowhere' does not exist/],
])('a rule that iptables refuses (%s) closes its policy alone', async (replacement, message) => {
  let broken = true;
  const processes = tampering('iptables-nft-restore', (text) =>
    broken ? text.replaceAll('203.0.113.66/32', replacement) : text,
  );
  const dataplane = await started({ processes });
  await dataplane.update({ ...noChange, endpoints: [endpointOf(a), endpointOf(b)] });
  expect(await b.probe.reaches(tcp(a.address))).toBe(true);
  const delta = twoPolicies(rule({ action: 'Deny', source: { nets: ['203.0.113.66'] } }));
  await dataplane.update({
    ...delta,
    policies: delta.policies.map((p) => (p === policy ? p : { ...p, ingress: [...p.ingress, rule()] })),
  });
  expect(dataplane.said.errors).toEqual([expect.stringMatching(message)]);
  expect(dataplane.problems()).toMatchObject([{ object: { kind: 'policy', id: 'np/shop/bad' }, direction: 'ingress' }]);
  expect(await b.probe.reaches(tcp(a.address))).toBe(false);
  expect(await a.probe.reaches(tcp(b.address, 80))).toBe(true);
  expect(await a.probe.reaches(tcp(b.address, 81))).toBe(false);
  broken = false;
  await dataplane.resync();
  expect(dataplane.problems()).toEqual([]);
  expect(await b.probe.reaches(tcp(a.address))).toBe(true);
});

test.each([
  ['by its line', '203.0.113.66/99'],
  ['by halves', '203.0.113.66/32 -j cara-nowhere\n#'],
])(
  'what a policy allows stays allowed when the next one is refused (found %s), though both do nothing but allow',
  async (_, replacement) => {
    let broken = true;
    const closedFor: string[] = [];
    const processes = tampering('iptables-nft-restore', (text) => {
      if (/^-A cara-pi-bad\S* -j DROP$/m.test(text))
        closedFor.push(...(text.match(/^-A cara-tw-.*-j cara-pi-bad/gm) ?? ['nobody']));
      return broken ? text.replaceAll('203.0.113.66/32', replacement) : text;
    });
    const dataplane = await started({ processes });
    const bad = { id: 'np/shop/bad', ingress: [rule({ source: { nets: ['203.0.113.66'] } })], egress: [] };
    await dataplane.update({
      ...scene(),
      policies: [policy, bad],
      endpoints: [endpointOf(a), endpointOf(b, { ingress: [tier(['knp/shop/db', 'np/shop/bad'])] })],
    });
    expect(dataplane.problems()).toMatchObject([{ object: { kind: 'policy', id: 'np/shop/bad' } }]);
    // At no time was it closed for packets that the other one allows.
    expect(closedFor).toEqual([expect.stringContaining('--mark 0x0/')]);
    expect(await a.probe.reaches(tcp(b.address, 80))).toBe(true);
    expect(await a.probe.reaches(tcp(b.address, 81))).toBe(false);
    broken = false;
    await dataplane.resync();
    expect(dataplane.problems()).toEqual([]);
    expect(await a.probe.reaches(tcp(b.address, 80))).toBe(true);
    expect((await save()).filter((line) => line.includes('-j cara-pi-bad'))).toEqual([
      expect.stringMatching(/^-A cara-tw-\w+ -j cara-pi-bad/),
    ]);
  },
);

test('ports of the node that iptables refuses are tried again with the next comparison', async () => {
  let broken = true;
  const processes = tampering('iptables-nft-restore', (text) =>
    broken ? text.replaceAll(/(-A cara-hp-tcp-8064 .*:)80$/gm, '$170000') : text,
  );
  const dataplane = await started({ processes });
  await dataplane.update({ ...noChange, endpoints: [endpointOf(a)] });
  await dataplane.setPools([]);
  const ports = [{ protocol: 'tcp' as const, hostPort: 8080, podAddress: a.address, podPort: 80 }];
  expect(await dataplane.setHostPorts('a', ports)).toContain('70000');
  expect(await node.outside.probe.reaches(tcp(node.address, 8080))).toBe(false);
  broken = false;
  await dataplane.resync();
  expect(await node.outside.probe.reaches(tcp(node.address, 8080))).toBe(true);
});

test('rules of IPv6 that a process before us made go when the first state knows nothing of IPv6', async () => {
  const first = await started();
  const address = 'fd00:65::2';
  await first.update({ ...noChange, endpoints: [endpointOf(a)] });
  await first.update({ ...noChange, endpoints: [endpointOf(a, { addresses: [address] })] }, 6);
  await first.setPools([{ cidr: 'fd00:65::/64', natOutgoing: true }]);
  await first.stop();
  const ofPods = async () =>
    (await save('ip6tables-nft-save')).filter((line) => line.includes(a.interfaceName.slice(4)));
  expect(await ofPods()).not.toEqual([]);

  const second = await started();
  await second.setPools([]);
  expect(await ofPods()).not.toEqual([]);
  await second.update({ ...noChange, endpoints: [endpointOf(a)] });
  expect(await ofPods()).toEqual([]);
  expect(await node.netns.run('ipset', ['save'])).not.toContain('fd00:65:');
  expect(await second.resync()).toEqual([]);
});

test('a set that ipset refuses closes the policies that use it, and them alone', async () => {
  const dataplane = await started();
  const bad = { ...twoPolicies(rule({ source: { sets: ['bad'] } })) };
  await dataplane.update({ ...bad, sets: [...bad.sets, set('bad', ['10.65.0.3', '10.1.2.3/77'])] });
  expect(dataplane.problems().map(({ object }) => object)).toEqual([
    { kind: 'set', id: 'cara4-n-bad' },
    { kind: 'policy', id: 'np/shop/bad' },
  ]);
  expect(await b.probe.reaches(tcp(a.address))).toBe(false);
  expect(await a.probe.reaches(tcp(b.address))).toBe(true);
  await dataplane.update({ ...noChange, sets: [{ ...set('bad', []), removed: ['10.1.2.3/77'] }] });
  expect(dataplane.problems()).toEqual([]);
  expect(await b.probe.reaches(tcp(a.address))).toBe(true);
});

test('writers that are killed, at rest or at work, are replaced and nothing is lost', async () => {
  const dataplane = await started();
  await dataplane.update(scene());
  for (let round = 0; round < 8; round++) {
    const pids = dataplane.writerPids;
    if (round === 0) expect(pids.length).toBe(2);
    const members = Array.from({ length: 300 }, (_, i) => `10.7.${round}.${i % 256}`);
    const kill = () => {
      for (const pid of pids) process.kill(pid, 'SIGKILL');
    };
    if (round % 2 === 0) kill();
    const updates = [
      dataplane.update({ ...noChange, sets: [set('web', [...new Set(members)])] }),
      dataplane.update({
        ...noChange,
        policies: [
          { ...policy, ingress: [...policy.ingress, rule({ index: round, source: { nets: [`10.8.0.${round}`] } })] },
        ],
      }),
    ];
    if (round % 2 === 1) setTimeout(kill, round / 4);
    await Promise.all(updates);
    expect(await setMembers('cara4-n-web')).toBe(1 + 256 * (round + 1));
    expect((await save()).filter((line) => line.includes(`10.8.0.${round}/32`)).length).toBe(1);
  }
  expect(await dataplane.resync()).toEqual([]);
});

test('a writer that hangs is killed by the watchdog and replaced', async () => {
  const dataplane = await started({ writerTimeoutMs: 300 });
  await dataplane.update(scene());
  const hung = dataplane.writerPids;
  for (const pid of hung) process.kill(pid, 'SIGSTOP');
  await dataplane.update({
    ...noChange,
    // A new one needs ipset.
    sets: [set('web', ['10.65.0.3']), set('new', ['10.65.0.4'])],
    policies: [{ ...policy, ingress: [rule()] }],
  });
  expect(await setMembers('cara4-n-web')).toBe(2);
  expect(await a.probe.reaches(tcp(b.address, 81))).toBe(true);
  await expect.poll(() => hung.filter(isAlive), { timeout: 5000 }).toEqual([]);
  expect(await dataplane.resync()).toEqual([]);
});

test('a member that comes or goes needs no process, and goes by ipset when that fails', async () => {
  let refuses = false;
  let refused = 0;
  const { directSets } = node;
  const dataplane = await started({
    directSets: {
      change: (changes) => {
        if (!refuses) return directSets.change(changes);
        refused++;
        return { ok: false };
      },
    },
  });
  await dataplane.update(scene());
  for (const pid of dataplane.writerPids) process.kill(pid, 'SIGSTOP');
  try {
    await dataplane.update({ ...noChange, sets: [{ ...set('web', ['10.65.0.3']), removed: ['10.65.0.2'] }] });
    expect(await node.netns.run('ipset', ['save', 'cara4-n-web'])).toMatch(/\nadd cara4-n-web 10\.65\.0\.3\n$/);
  } finally {
    for (const pid of dataplane.writerPids) process.kill(pid, 'SIGCONT');
  }
  refuses = true;
  await dataplane.update({ ...noChange, sets: [set('web', ['10.65.0.4', '10.66.0.0/16'])] });
  expect(await setMembers('cara4-n-web')).toBe(3);
  expect(refused).toBe(1);
  expect(await dataplane.resync()).toEqual([]);
});

test('large sets: more than the default room, more changes than are made in place, and a set that comes back', async () => {
  const dataplane = await started();
  const members = Array.from({ length: 70_000 }, (_, i) => `10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`);
  const uses = { id: 'gnp/uses', ingress: [rule({ source: { sets: ['big'] } })], egress: [] };
  await dataplane.update({ ...noChange, sets: [set('big', members)], policies: [uses] });
  expect(await setMembers('cara4-n-big')).toBe(70_000);
  await dataplane.update({ ...noChange, sets: [{ ...set('big', ['10.65.0.9']), removed: members.slice(0, 5000) }] });
  expect(await setMembers('cara4-n-big')).toBe(65_001);
  // Nothing of the set that was built beside it is left.
  expect((await setNames()).filter((name) => name.endsWith('-big'))).toEqual(['cara4-n-big']);
  await Promise.all([
    dataplane.update({ ...noChange, removedPolicies: ['gnp/uses'], removedSets: ['big'] }),
    dataplane.update({ ...noChange, sets: [set('big', ['10.65.0.1'])], policies: [uses] }),
  ]);
  expect(await setMembers('cara4-n-big')).toBe(1);
  expect(await dataplane.resync()).toEqual([]);
}, 60_000);

test('updates that come while one is being written go together, each answered when its own is done', async () => {
  let transactions = 0;
  const dataplane = await started({
    processes: tampering('iptables-nft-restore', (text) => {
      transactions++;
      return text;
    }),
  });
  await dataplane.update({ ...noChange, policies: [policy], sets: scene().sets });
  transactions = 0;
  const names = Array.from({ length: 50 }, (_, i) => `cara${(i * 7919).toString(16).padStart(11, '0')}`);
  await Promise.all(
    names.map(async (interfaceName, i) => {
      const endpoint = { ...endpointOf(a), id: `c${i}/eth0`, interfaceName, addresses: [`10.65.1.${i}`] };
      await dataplane.update({ ...noChange, endpoints: [endpoint] });
    }),
  );
  expect(transactions).toBeLessThanOrEqual(3);
  expect(await dataplane.resync()).toEqual([]);
});

test('what comes and goes one by one leaves in the kernel exactly what it should', async () => {
  const dataplane = await started();
  await dataplane.update(scene());
  await dataplane.setPools([{ cidr: '10.65.0.0/16', natOutgoing: true }]);
  const pods = Array.from({ length: 40 }, (_, n) => ({
    ...endpointOf(a),
    id: `c${n}/eth0`,
    // Two come to have a node of the dispatch tree below them.
    interfaceName: n < 2 ? `carac${n}`.slice(0, 5 + n) : `carac${n % 3}${n}`,
    addresses: [`10.65.1.${n}`],
    ingress: n % 2 ? [tier(['knp/shop/db'])] : [],
  }));
  const portsOf = (n: number) =>
    n % 4
      ? []
      : [80, 81].map((podPort) => ({
          protocol: 'tcp' as const,
          hostPort: 8000 + (n % 3) + podPort,
          ...(n % 8 ? { hostAddress: '192.0.2.7' } : {}),
          podAddress: `10.65.1.${n}`,
          podPort,
        }));
  for (const [n, pod] of pods.entries()) {
    await dataplane.update({ ...noChange, endpoints: [pod] });
    await dataplane.setHostPorts(pod.id, portsOf(n));
  }
  expect(await dataplane.resync()).toEqual([]);
  for (const [n, { id }] of pods.entries()) {
    if (n % 3 === 0) continue;
    await dataplane.update({ ...noChange, removedEndpoints: [id] });
    await dataplane.setHostPorts(id, []);
  }
  expect(await dataplane.resync()).toEqual([]);
  expect(dataplane.problems()).toEqual([]);
}, 20_000);

test('the writers end when their owner is killed', async () => {
  const script = `
    import { createDataplane } from '@caracal/dataplane';
    const say = () => {};
    const dataplane = createDataplane({ logger: { info: say, warn: say, error: say } });
    await dataplane.start();
    await dataplane.setPools([]);
    process.stdout.write(JSON.stringify(dataplane.writerPids) + '\\n');
  `;
  const root = new URL('../..', import.meta.url).pathname;
  const owner = spawn('nsenter', [`--net=${node.netns.path}`, process.execPath, '--input-type=module', '-e', script], {
    cwd: `${root}/libs/dataplane`,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(owner.stdout, 'data');
  // Written by the script above.
  const pids = JSON.parse(String(line)) as number[];
  expect(pids.length).toBe(2);
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  await expect.poll(() => pids.filter(isAlive), { timeout: 5000 }).toEqual([]);
});

test('a node that is left holds nothing of ours, and all of the others', async () => {
  await node.netns.run('iptables-nft', ['-N', 'others']);
  await node.netns.run('iptables-nft', ['-A', 'FORWARD', '-j', 'others']);
  await node.netns.run('ipset', ['create', 'others', 'hash:ip']);
  const before = [await save(), await setNames()];
  const dataplane = await started();
  await dataplane.setPools([{ cidr: '10.65.0.0/16', natOutgoing: true }]);
  await dataplane.update(scene());
  expect((await save()).join()).toContain('cara-');
  await dataplane.stop();
  running.length = 0;
  const processes = systemProcesses(['nsenter', `--net=${node.netns.path}`]);
  await removeDataplane(processes);
  expect([withoutEmptyTables(await save()), await setNames()]).toEqual([withoutEmptyTables(before[0]!), before[1]]);
  expect((await save('ip6tables-nft-save')).join()).not.toContain('cara');
  await removeDataplane(processes);
});

/** iptables-save prints a table from the first time that somebody used it. */
const withoutEmptyTables = (lines: readonly string[]) =>
  lines.filter((line) => !/^(\*|COMMIT|:[A-Z]+ ACCEPT)/.test(line));
