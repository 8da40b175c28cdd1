import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '@caracal/net';
import {
  addAddress,
  addRoute,
  deleteAddress,
  deleteLink,
  deleteRoute,
  enterNetns,
  LinkReaper,
  type Netns,
  type Outcome,
  openNetns,
  openRouteSocket,
  type Result,
  type RouteSocket,
  readSysctl,
  replaceNeighbour,
  replaceRoute,
  setLink,
  writeSysctl,
} from '@caracal/netlink';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNetns, type Netns as TestNetns } from '../support/netns.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const address = (text: string) => parseAddress(text)!;
const prefix = (text: string) => parsePrefix(text)!;

function open(path: string): Netns {
  const opened = openNetns(path);
  if (!opened.ok) throw new Error(opened.message);
  return opened.netns;
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

const failure = (outcome: Outcome) => (outcome.ok ? 'ok' : outcome.error.code);

let host: TestNetns;
let pod: TestNetns;
let hostNetns: Netns;
let podNetns: Netns;
let socket: RouteSocket;
let podSocket: RouteSocket;

beforeEach(async () => {
  host = await createNetns('nlh');
  pod = await createNetns('nlp');
  hostNetns = open(host.path);
  podNetns = open(pod.path);
  socket = openRouteSocket({ netns: hostNetns });
  podSocket = openRouteSocket({ netns: podNetns });
});

afterEach(async () => {
  socket.close();
  podSocket.close();
  hostNetns.close();
  podNetns.close();
  await host.remove();
  await pod.remove();
});

/** A pair `v0` in the host's and `eth0` in the pod's namespace, both up; returns the two indices. */
function pair(): { v0: number; eth0: number } {
  const spec = {
    name: 'v0',
    mac: '02:00:00:00:00:01',
    mtu: 1400,
    peer: { name: 'eth0', mtu: 1400, netnsFd: podNetns.fd },
  };
  expect(socket.createVeth(spec)).toMatchObject({ ok: true });
  const v0 = value(socket.findLink('v0'))!.index;
  const eth0 = value(podSocket.findLink('eth0'))!.index;
  expect(socket.request(setLink(v0, { up: true }))).toEqual({ ok: true });
  expect(podSocket.request(setLink(eth0, { up: true }))).toEqual({ ok: true });
  return { v0, eth0 };
}

async function queuesOf(netns: TestNetns, name: string) {
  const [link] = JSON.parse(await netns.run('ip', ['-j', '-d', 'link', 'show', name]));
  return { num_tx_queues: link.num_tx_queues, num_rx_queues: link.num_rx_queues };
}

test('creates a veth pair across namespaces, changes it and deletes it', async () => {
  const { v0, eth0 } = pair();
  const near = value(socket.findLink('v0'));
  expect(near).toMatchObject({
    name: 'v0',
    mac: '02:00:00:00:00:01',
    mtu: 1400,
    up: true,
    linkIndex: eth0,
    kind: 'veth',
  });
  expect(value(podSocket.findLink('eth0'))).toMatchObject({ mtu: 1400, up: true, linkIndex: v0 });
  // With more, which the kernel then takes away again, making one waits for a grace period of RCU.
  expect(await queuesOf(host, 'v0')).toEqual({ num_tx_queues: 1, num_rx_queues: 1 });
  expect(await queuesOf(pod, 'eth0')).toEqual({ num_tx_queues: 1, num_rx_queues: 1 });
  expect(value(socket.listLinks()).map((link) => link.name)).toEqual(['lo', 'v0']);

  const ipv4 = { forwarding: true, proxyArp: true, reversePathFilter: 2 } as const;
  expect(socket.request(setLink(v0, { up: false, mtu: 1300, mac: '02:00:00:00:00:02', ipv4 }))).toEqual({ ok: true });
  expect(value(socket.findLink('v0'))).toMatchObject({ mtu: 1300, mac: '02:00:00:00:00:02', up: false });
  const settings = enterNetns(hostNetns, () =>
    ['forwarding', 'proxy_arp', 'rp_filter'].map((name) => readSysctl(['net', 'ipv4', 'conf', 'v0', name])),
  );
  expect(settings).toEqual(['1', '1', '2']);

  expect(socket.createVeth({ name: 'v0', peer: { name: 'other' } })).toMatchObject({
    ok: false,
    error: { code: 'EEXIST' },
  });
  expect(socket.request(deleteLink('v0'))).toEqual({ ok: true });
  expect(value(podSocket.findLink('eth0'))).toBeUndefined();
  expect(failure(socket.request(deleteLink('v0')))).toBe('ENODEV');
});

test('adds, lists and deletes addresses and permanent neighbours', () => {
  const { eth0 } = pair();
  const own = { interfaceIndex: eth0, address: address('10.65.0.1'), prefixLength: 32 };
  expect(podSocket.request(addAddress(own))).toEqual({ ok: true });
  expect(failure(podSocket.request(addAddress(own)))).toBe('EEXIST');
  expect(value(podSocket.listAddresses(eth0)).filter((entry) => entry.address.family === 4)).toEqual([own]);
  const ipv6 = { interfaceIndex: eth0, address: address('fd00::1'), prefixLength: 128 };
  expect(podSocket.request(addAddress(ipv6))).toEqual({ ok: true });
  expect(value(podSocket.listAddresses()).map((entry) => formatAddress(entry.address))).toContain('fd00::1');
  expect(podSocket.request(deleteAddress(own))).toEqual({ ok: true });
  expect(failure(podSocket.request(deleteAddress(own)))).toBe('EADDRNOTAVAIL');

  const neighbour = { interfaceIndex: eth0, address: address('169.254.1.1'), mac: 'ee:ee:ee:ee:ee:ee' };
  expect(podSocket.request(replaceNeighbour(neighbour))).toEqual({ ok: true });
  expect(podSocket.request(replaceNeighbour({ ...neighbour, mac: 'ee:ee:ee:ee:ee:00' }))).toEqual({ ok: true });
  expect(value(podSocket.listPermanentNeighbours())).toContainEqual({ ...neighbour, mac: 'ee:ee:ee:ee:ee:00' });
});

test('routes: link scope, onlink gateway, multipath, blackhole, metric, table and protocol', async () => {
  const { v0 } = pair();
  const link = { interfaceIndex: v0 };
  socket.request(addAddress({ interfaceIndex: v0, address: address('192.0.2.1'), prefixLength: 24 }));
  const gateways = ['192.0.2.2', '192.0.2.3'].map((text) => ({ gateway: address(text), interfaceIndex: v0 }));
  const onlink = { gateway: address('169.254.1.1'), interfaceIndex: v0, onlink: true };
  const outcome = socket.batch([
    replaceRoute({ prefix: prefix('10.65.0.1/32'), nextHops: [link], protocol: 202 }),
    replaceRoute({ prefix: prefix('10.66.0.0/26'), nextHops: gateways, protocol: 201 }),
    replaceRoute({
      prefix: prefix('10.67.0.0/26'),
      nextHops: [{ gateway: gateways[0].gateway }],
      protocol: 201,
      metric: 32,
    }),
    replaceRoute({ prefix: prefix('10.65.0.0/26'), type: 'blackhole', nextHops: [], protocol: 202 }),
    replaceRoute({ prefix: prefix('0.0.0.0/0'), nextHops: [onlink], protocol: 202, source: address('192.0.2.1') }),
    replaceRoute({ prefix: prefix('10.68.0.0/26'), nextHops: [link], protocol: 201, table: 1000 }),
  ]);
  expect(outcome).toEqual({ ok: true });
  // As `ip route` sees them.
  const shown = await host.run('ip', ['-4', 'route', 'show', 'proto', '201']);
  expect(shown.replaceAll(/\s+/g, ' ').trim()).toBe(
    '10.66.0.0/26 nexthop via 192.0.2.2 dev v0 weight 1 nexthop via 192.0.2.3 dev v0 weight 1 ' +
      '10.67.0.0/26 via 192.0.2.2 dev v0 metric 32',
  );
  const own = value(socket.listRoutes({ family: 4, protocol: 202 }));
  expect(own.map((route) => `${route.type} ${formatPrefix(route.prefix)}`)).toEqual([
    'unicast 0.0.0.0/0',
    'blackhole 10.65.0.0/26',
    'unicast 10.65.0.1/32',
  ]);
  expect(own[0]).toMatchObject({ nextHops: [onlink], source: address('192.0.2.1') });
  expect(own[2].nextHops).toEqual([{ gateway: undefined, interfaceIndex: v0, onlink: false }]);
  const learned = value(socket.listRoutes({ family: 4, protocol: 201 }));
  expect(learned[0].nextHops).toEqual(gateways.map((gateway) => ({ ...gateway, onlink: false, weight: 1 })));
  expect(learned[1]).toMatchObject({ metric: 32 });
  expect(value(socket.listRoutes({ family: 4, table: 1000 }))).toMatchObject([{ table: 1000, protocol: 201 }]);

  expect(socket.deleteRoute({ prefix: prefix('10.66.0.0/26'), protocol: 202 })).toEqual({ ok: true });
  expect(value(socket.listRoutes({ family: 4, protocol: 201 }))).toHaveLength(2);
  expect(socket.deleteRoute({ prefix: prefix('10.66.0.0/26'), protocol: 201 })).toEqual({ ok: true });
  expect(value(socket.listRoutes({ family: 4, protocol: 201 }))).toHaveLength(1);
  expect(failure(socket.request(deleteRoute({ prefix: prefix('10.66.0.0/26') })))).toBe('ESRCH');
});

test('IPv6 routes, and IPv4 routes by an IPv6 gateway', () => {
  const { v0 } = pair();
  socket.request(addAddress({ interfaceIndex: v0, address: address('fd00::1'), prefixLength: 64 }));
  const hop = { gateway: address('fd00::2'), interfaceIndex: v0 };
  const ipv6 = { prefix: prefix('fd65::/122'), nextHops: [hop], protocol: 201 };
  const mixed = { prefix: prefix('10.66.0.0/26'), nextHops: [hop], protocol: 201 };
  expect(socket.batch([replaceRoute(ipv6), replaceRoute(mixed)])).toEqual({ ok: true });
  expect(value(socket.listRoutes({ family: 6, protocol: 201 }))).toMatchObject([
    { prefix: ipv6.prefix, nextHops: [hop] },
  ]);
  expect(value(socket.listRoutes({ family: 4, protocol: 201 }))).toMatchObject([mixed]);
});

test('an error names the operation, the errno and the reason of the kernel', () => {
  const { v0 } = pair();
  const route = { prefix: prefix('10.66.0.0/26'), nextHops: [{ gateway: address('203.0.113.1') }], protocol: 201 };
  const outcome = socket.replaceRoute(route);
  if (outcome.ok) throw new Error('the kernel took a route with an unreachable gateway');
  expect(outcome.error.code).toBe('ENETUNREACH');
  expect(outcome.error.message).toMatch(
    /^cannot set route 10\.66\.0\.0\/26: ENETUNREACH \(Nexthop has invalid gateway\)$/,
  );
  const direct = { prefix: prefix('10.66.0.0/26'), nextHops: [{ interfaceIndex: v0 }], protocol: 201 };
  expect(socket.request(addRoute(direct))).toEqual({ ok: true });
  expect(failure(socket.request(addRoute(direct)))).toBe('EEXIST');
});

test('a large batch reports exactly the requests that failed, and lists come back whole', () => {
  const { v0 } = pair();
  const routes = Array.from({ length: 5000 }, (_, i) => ({
    prefix: prefix(`10.${100 + (i >> 8)}.${i & 255}.0/24`),
    nextHops: i % 1000 === 7 ? [{ gateway: address('203.0.113.1') }] : [{ interfaceIndex: v0 }],
    protocol: 201,
  }));
  const failures = socket.batchAll(routes.map(replaceRoute));
  expect(failures.map((each) => each.index)).toEqual([7, 1007, 2007, 3007, 4007]);
  expect(value(socket.listRoutes({ family: 4, protocol: 201 }))).toHaveLength(4995);
});

test('the reaper deletes links of both ends, many at once, and takes an absent link as deleted', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `r${i}`);
  for (const name of names) socket.createVeth({ name, peer: { name: `peer-${name}`, netnsFd: podNetns.fd } });
  const reaper = new LinkReaper(hostNetns);
  try {
    // One, then the others while the kernel still works on it, one of them twice.
    const first = reaper.delete('r0');
    expect(await first).toEqual({ ok: true });
    expect(value(socket.listLinks()).map((link) => link.name)).toEqual(['lo', ...names.slice(1)]);
    const outcomes = await Promise.all([...names.slice(1), 'r1', 'absent'].map((name) => reaper.delete(name)));
    expect(outcomes.every((outcome) => outcome.ok)).toBe(true);
    expect(value(socket.listLinks()).map((link) => link.name)).toEqual(['lo']);
    expect(value(podSocket.listLinks()).map((link) => link.name)).toEqual(['lo']);
  } finally {
    reaper.close();
  }
});

test('entering a namespace: sysctls inside, back outside, also after an exception', () => {
  const outside = readSysctl(['net', 'ipv4', 'ip_default_ttl']);
  enterNetns(podNetns, () => writeSysctl(['net', 'ipv4', 'ip_default_ttl'], 77));
  expect(enterNetns(podNetns, () => readSysctl(['net', 'ipv4', 'ip_default_ttl']))).toBe('77');
  expect(() =>
    enterNetns(podNetns, () => {
      throw new Error('inside');
    }),
  ).toThrow('inside');
  expect(readSysctl(['net', 'ipv4', 'ip_default_ttl'])).toBe(outside);
});

test('refuses what is no network namespace, or the own one', () => {
  const folder = makeTemporaryFolder('netns');
  try {
    writeFileSync(join(folder, 'file'), '');
    expect(openNetns(join(folder, 'file'))).toMatchObject({
      ok: false,
      reason: 'notNetns',
      message: expect.stringContaining('ordinary file'),
    });
    expect(openNetns(join(folder, 'none'))).toMatchObject({
      ok: false,
      reason: 'missing',
      message: expect.stringContaining('ENOENT'),
    });
    expect(openNetns('/proc/self/ns/mnt')).toMatchObject({
      ok: false,
      reason: 'notNetns',
      message: expect.stringContaining('another kind'),
    });
    expect(openNetns('/proc/self/ns/net')).toMatchObject({ ok: false, reason: 'hostNetns' });
  } finally {
    removeTemporaryFolder(folder);
  }
});

test('a process that cannot come back from a namespace ends', () => {
  // The file descriptor of the way back is closed under the library's feet.
  const program = `
    import { enterNetns, openNetns } from ${JSON.stringify(import.meta.resolve('@caracal/netlink'))};
    import { closeSync, readdirSync, readlinkSync } from 'node:fs';
    const opened = openNetns(${JSON.stringify(pod.path)});
    enterNetns(opened.netns, () => {
      for (const fd of readdirSync('/proc/self/fd')) {
        try { if (Number(fd) !== opened.netns.fd && readlinkSync('/proc/self/fd/' + fd).startsWith('net:')) closeSync(Number(fd)); } catch {}
      }
    });
    console.log('still alive');`;
  let result: unknown;
  try {
    result = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      stdio: 'pipe',
      encoding: 'utf8',
    });
  } catch (error) {
    result = error;
  }
  expect(result).toMatchObject({ signal: 'SIGABRT' });
});
