import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hostInterfaceName, type Wired, type WireRequest, type Wiring } from '../../apps/agent/wiring/index.ts';
import { connect, createNetns, type Netns } from '../support/netns.ts';

let host: Netns;
let pods: Netns[];
let wiring: Wiring;

/** The wiring in a process of its own inside the namespace. */
function wiringIn(netns: Netns): Wiring {
  const driver = new URL('./wiring-driver.ts', import.meta.url).pathname;
  const child = netns.spawn(process.execPath, [driver], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = new Map<number, (answer: unknown) => void>();
  let lastId = 0;
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const { id, answer } = JSON.parse(line);
    waiting.get(id)?.(answer);
  });
  const call = (method: string) => (argument: unknown) =>
    new Promise<never>((resolve) => {
      waiting.set(++lastId, resolve as (answer: unknown) => void);
      child.stdin!.write(`${JSON.stringify({ id: lastId, method, argument })}\n`);
    });
  return {
    wire: call('wire'),
    unwire: call('unwire'),
    inspect: call('inspect'),
    listOwnInterfaces: () => call('listOwnInterfaces')(undefined),
    setBlocks: call('setBlocks'),
    prepareHost: () => call('prepareHost')(undefined),
    close: async () => {
      child.stdin!.end();
    },
  };
}

beforeEach(async () => {
  host = await createNetns('wh');
  pods = [await createNetns('wp'), await createNetns('wp')];
  wiring = wiringIn(host);
});

afterEach(async () => {
  await wiring.close();
  for (const netns of [...pods, host]) await netns.remove();
});

function request(pod: number, changes: Partial<WireRequest> = {}): WireRequest {
  return {
    netnsPath: pods[pod].path,
    hostInterface: hostInterfaceName(`container-${pod}`, 'eth0'),
    podInterface: 'eth0',
    addresses: [`10.65.0.${pod + 1}`],
    forwarding: false,
    ...changes,
  };
}

async function hostState(): Promise<string> {
  return (await host.run('ip', ['-br', 'link'])) + (await host.run('ip', ['route', 'show', 'table', 'all']));
}

test('the name of the host end is fixed, valid and 15 characters long', () => {
  expect(hostInterfaceName('c1', 'eth0')).toMatch(/^cara[0-9a-f]{11}$/);
  expect(hostInterfaceName('c1', 'eth1')).not.toBe(hostInterfaceName('c1', 'eth0'));
});

test('two wired pods reach each other, the host reaches them, and of IPv6 they have the loopback address alone', async () => {
  expect(await wiring.prepareHost()).toEqual({ ok: true });
  for (const pod of [0, 1]) {
    await pods[pod].run('ip', ['link', 'set', 'lo', 'down']);
    const wired = await wiring.wire(request(pod, { mtu: 1400 }));
    expect(wired).toMatchObject({ ok: true, hostMac: 'ee:ee:ee:ee:ee:ee', mtu: 1400, defaultRoutes: ['169.254.1.1'] });
    expect(await pods[pod].run('ip', ['-br', 'link', 'show', 'eth0'])).toMatch(/ UP /);
    // As the kernel has it, locally administered and unicast.
    const mac = (wired as Wired).podMac;
    expect(mac).toMatch(/^.[26ae]:/);
    expect(await pods[pod].run('ip', ['link', 'show', 'eth0'])).toContain(`link/ether ${mac}`);
  }
  await pods[0].run('ping', ['-c', '1', '-W', '2', '10.65.0.2']);
  await pods[0].run('ping', ['-c', '1', '-W', '2', '10.65.0.1']);

  // The host has an address only on another interface, as nodes do; the pod reaches it, and the host the pod.
  await connect(
    { netns: host, interface: 'up0', address: '192.0.2.1/24' },
    { netns: await outside(), interface: 'up0' },
  );
  await pods[0].run('ping', ['-c', '1', '-W', '2', '192.0.2.1']);
  await host.run('ping', ['-c', '1', '-W', '2', '10.65.0.2']);

  expect((await pods[0].run('ip', ['route'])).trim().split(/ *\n/)).toEqual([
    'default via 169.254.1.1 dev eth0 proto 202 onlink',
    '169.254.1.1 dev eth0 proto 202 scope link',
  ]);
  expect(await pods[0].run('ip', ['-o', 'address', 'show', 'dev', 'eth0'])).toMatch(/inet 10\.65\.0\.1\/32 /);
  const inet6 = (await pods[0].run('ip', ['-6', '-br', 'address'])).trim();
  expect(inet6).toMatch(/^lo .* ::1\/128$/);
  expect(await pods[0].run('ip', ['-6', 'route'])).toBe('');
  const name = request(0).hostInterface;
  expect(await host.run('ip', ['-6', 'address', 'show', 'dev', name])).toBe('');
  expect(await host.run('ip', ['route', 'show', '10.65.0.1'])).toContain(`dev ${name} proto 202 scope link`);
  const conf = ['forwarding', 'proxy_arp', 'rp_filter'].map((setting) => `net.ipv4.conf.${name}.${setting}`);
  // A pod with the right to may give itself an address of IPv6: the host hears nothing of it.
  conf.push(`net.ipv6.conf.${name}.disable_ipv6`);
  expect(await host.run('sysctl', ['-n', ...conf])).toBe('1\n1\n1\n1\n');
});

async function outside(): Promise<Netns> {
  const netns = await createNetns('wo');
  pods.push(netns);
  return netns;
}

test('an interface may have an MTU that is too small for IPv6', async () => {
  expect(await wiring.wire(request(0, { mtu: 1279 }))).toMatchObject({ ok: true, mtu: 1279 });
  expect(await pods[0].run('ip', ['-6', 'address', 'show', 'dev', 'eth0'])).toBe('');
});

test('unwiring removes both ends and the route, and may be repeated', async () => {
  const before = await hostState();
  await wiring.wire(request(0));
  expect(await hostState()).not.toBe(before);
  expect(await wiring.unwire(request(0).hostInterface)).toEqual({ ok: true });
  expect(await hostState()).toBe(before);
  expect((await pods[0].try('ip', ['link', 'show', 'eth0'])).code).not.toBe(0);
  expect(await wiring.unwire(request(0).hostInterface)).toEqual({ ok: true });
});

test('calls for one interface follow each other', async () => {
  const name = request(0).hostInterface;
  // Deletions that keep the kernel busy, so that the next ones have to wait.
  const busy = [0, 1, 2].map((i) => `busy${i}`);
  for (const other of busy) await host.run('ip', ['link', 'add', other, 'type', 'veth', 'peer', `${other}p`]);
  const answers = await Promise.all([
    wiring.wire(request(0)),
    ...busy.map((other) => wiring.unwire(other)),
    wiring.unwire(name),
    wiring.wire(request(0)),
    wiring.unwire(name),
    wiring.wire(request(0)),
  ]);
  expect(answers.filter((answer) => !answer.ok)).toEqual([]);
});

test('each failure has its reason and leaves nothing behind', async () => {
  await pods[1].run('ip', ['link', 'add', 'eth0', 'type', 'bridge']);
  await wiring.wire(request(0));
  const before = await hostState();
  const podBefore = await pods[1].run('ip', ['-br', 'link', 'show', 'type', 'veth']);
  const table: [Partial<WireRequest>, string, string][] = [
    [{}, 'podInterfaceExists', 'eth0 exists in network namespace'],
    [{ podInterface: 'eth1', hostInterface: request(0).hostInterface }, 'hostInterfaceExists', 'on the host already'],
    [{ podInterface: 'eth1', netnsPath: '/var/run/netns/ct-none' }, 'netnsMissing', 'ENOENT'],
    [{ podInterface: 'eth1', netnsPath: '/etc/hostname' }, 'notNetns', 'ordinary file'],
    [{ podInterface: 'eth1', netnsPath: host.path }, 'hostNetns', "the host's own"],
    [{ podInterface: 'eth1', addresses: ['10.65.0.300'] }, 'invalid', '10.65.0.300'],
    [{ podInterface: 'eth1', mtu: 17 }, 'kernel', 'EINVAL'],
    // Fails inside the pod, after the pair was made.
    [{ podInterface: 'eth1', addresses: ['10.65.0.9', '10.65.0.9'] }, 'kernel', 'add address 10.65.0.9/32'],
    // Fails on the host, as the last step: another pod has the address.
    [{ podInterface: 'eth1', addresses: ['10.65.0.1'] }, 'kernel', 'add route 10.65.0.1/32: EEXIST'],
  ];
  for (const [changes, reason, message] of table) {
    const answer = await wiring.wire(request(1, changes));
    expect(answer).toMatchObject({ ok: false, reason, message: expect.stringContaining(message) });
    expect(await hostState()).toBe(before);
    expect(await pods[1].run('ip', ['-br', 'link', 'show', 'type', 'veth'])).toBe(podBefore);
  }
});

test('inspection names everything that was changed', async () => {
  await wiring.wire(request(0));
  expect(await wiring.inspect({ ...request(0), defaultRoutes: ['169.254.1.1'] })).toEqual({ ok: true, problems: [] });
  const name = request(0).hostInterface;
  await pods[0].run('ip', ['neighbour', 'del', '169.254.1.1', 'dev', 'eth0']);
  await pods[0].run('ip', ['route', 'del', 'default']);
  await pods[0].run('ip', ['address', 'flush', 'dev', 'eth0']);
  await host.run('ip', ['route', 'del', '10.65.0.1']);
  expect(await wiring.inspect({ ...request(0), defaultRoutes: ['169.254.1.1'] })).toEqual({
    ok: true,
    problems: [
      `the route to 10.65.0.1 by ${name} is missing on the host`,
      'address 10.65.0.1 is missing on eth0 in the pod',
      'the default route by 169.254.1.1 is missing in the pod',
      'the neighbour entry of 169.254.1.1 is missing in the pod',
    ],
  });
  await host.run('ip', ['link', 'set', name, 'down']);
  await wiring.unwire(name);
  expect(await wiring.inspect({ ...request(0), defaultRoutes: ['169.254.1.1'] })).toMatchObject({
    problems: [`interface ${name} is missing on the host`, 'interface eth0 is missing in the pod'],
  });
});

test('our interfaces are listed with their addresses, others are not', async () => {
  await host.run('ip', ['link', 'add', 'carabridge', 'type', 'bridge']);
  await wiring.wire(request(0, { addresses: ['10.65.0.1', '10.65.0.7'] }));
  await wiring.wire(request(1));
  const listed = await wiring.listOwnInterfaces();
  if (!listed.ok) throw new Error(listed.message);
  expect(listed.interfaces.map(({ name, addresses, up }) => ({ name, addresses, up }))).toEqual([
    { name: request(0).hostInterface, addresses: ['10.65.0.1', '10.65.0.7'], up: true },
    { name: request(1).hostInterface, addresses: ['10.65.0.2'], up: true },
  ]);
});

test('block routes become exactly what is asked, beside the routes of pods and of others', async () => {
  await wiring.wire(request(0));
  await host.run('ip', ['route', 'add', 'blackhole', '10.99.0.0/24']);
  // As a version before this one made it.
  await host.run('ip', ['route', 'add', 'blackhole', '10.65.1.0/26', 'proto', '202']);
  const blackholes = () => host.run('ip', ['route', 'show', 'type', 'blackhole', 'proto', '202']);
  expect(await wiring.setBlocks(['10.65.0.0/26', '10.65.1.0/26'])).toEqual({ ok: true });
  expect(await blackholes()).toMatch(/10\.65\.0\.0\/26.*\n.*10\.65\.1\.0\/26/);
  expect(await wiring.setBlocks(['10.65.1.0/26', '10.65.2.0/26'])).toEqual({ ok: true });
  expect(await blackholes()).toMatch(
    /^blackhole 10\.65\.1\.0\/26 metric 1000000 *\nblackhole 10\.65\.2\.0\/26 metric 1000000 *\n$/,
  );
  expect(await wiring.setBlocks(['10.65.1.1/26'])).toMatchObject({ ok: false, reason: 'invalid' });
  expect(await wiring.setBlocks([])).toEqual({ ok: true });
  expect(await blackholes()).toBe('');
  expect(await host.run('ip', ['route'])).toMatch(/blackhole 10\.99\.0\.0\/24/);
  expect(await host.run('ip', ['route'])).toContain('10.65.0.1 dev');
});
