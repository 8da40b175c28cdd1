import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { connect, createNetns, type Netns } from '../support/netns.ts';
import { startDaemon } from '../support/routers/daemon.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { birdConfig, createFixture, speakerConfig } from './fixture.ts';
import { createSpeaker, eventually } from './speaker.ts';

/** IPv4 routes with IPv6 next hops (RFC 8950), and sessions between link-local addresses. */

const cleanup: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of cleanup.splice(0).reverse()) await one();
});

it('exchanges IPv4 routes with IPv6 next hops over an IPv6 session', async () => {
  const neighbor = '2001:db8:99:1::1';
  const config = (extended: string) =>
    birdConfig({ link: 1, as: 64512, peerAs: 65001, routes: ['192.0.2.0/24'], neighbor }).replace(
      'ipv4 { import all;',
      `ipv4 { ${extended} import all;`,
    );
  const f = await createFixture([config('extended next hop on;')]);
  cleanup.push(f.remove);
  // Without any IPv4 address on the link.
  await f.netns.run('ip', ['-4', 'address', 'flush', 'dev', 'eth1']);
  await f.birdNetns[0].run('ip', ['-4', 'address', 'flush', 'dev', 'eth0']);
  const peers = [{ link: 1, as: 64512, peerAddress: '2001:db8:99:1::2', extendedNextHop: true }];
  await f.speaker.configure(speakerConfig({ as: 65001, peers, originate: ['10.244.1.0/26'] }));

  await eventually(
    async () => (await f.birds[0].birdc('show route')).includes('via 2001:db8:99:1::1 on eth0'),
    'our route in BIRD',
  );
  const kernel = await eventually(
    async () => (await f.kernelRoutes()).find((line) => line.startsWith('192.0.2.0/24')),
    'kernel route',
  );
  expect(kernel).toMatch(/^192\.0\.2\.0\/24 via inet6 2001:db8:99:1::2 dev eth1 proto (201|caracal) metric 32$/);
  expect(await f.speaker.routes('received', 'bird1')).toMatchObject([{ nextHop: '2001:db8:99:1::2', excluded: '' }]);
  expect(await f.speaker.routes('advertised', 'bird1')).toMatchObject([
    { prefix: '10.244.1.0/26', nextHop: '2001:db8:99:1::1' },
  ]);
  await f.speaker.configure(speakerConfig({ as: 65001, peers, originate: [] }));
  await eventually(async () => !(await f.birds[0].birdc('show route')).includes('10.244.1.0'), 'our route withdrawn');
});

it('peers with FRR by interface, whatever its AS, and routes IPv4 over the link-local addresses', async () => {
  const [netns, other] = [await createNetns('spk'), await createNetns('frr')];
  cleanup.push(netns.remove, other.remove);
  await connect({ netns, interface: 'eth1' }, { netns: other, interface: 'eth0' });
  await other.run('ip', ['address', 'add', '192.0.2.1/32', 'dev', 'lo']);
  await netns.run('ip', ['address', 'add', '10.244.1.1/32', 'dev', 'lo']);
  for (const one of [netns, other]) await one.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  const frr = await startFrr(
    other,
    `router bgp 64512
 no bgp ebgp-requires-policy
 bgp router-id 10.99.1.2
 timers bgp 3 9
 neighbor eth0 interface remote-as external
 address-family ipv4 unicast
  network 192.0.2.1/32
 exit-address-family
`,
  );
  cleanup.push(frr.stop);
  const speaker = createSpeaker(netns);
  cleanup.push(speaker.remove);
  await speaker.start();
  const peers = [{ name: 'tor', interface: 'eth1', peerAs: 'External', connectRetrySeconds: 1 }];
  const config = { localAs: 65001, routerId: '10.99.1.1', originate: [{ prefix: '10.244.1.0/26' }], peers };
  await speaker.configure(config);

  const up = async () => (await speaker.peers())[0].state === 'Established';
  await eventually(up, 'session', 60);
  const [status] = await speaker.peers();
  expect(status).toMatchObject({ address: expect.stringMatching(/^fe80::[0-9a-f:]+%eth1$/), asNumber: 64512 });
  const routes = (one: Netns, prefix: string) => one.run('ip', ['route', 'show', prefix]);
  await eventually(async () => (await routes(netns, '192.0.2.1')) !== '', 'kernel route');
  expect(await routes(netns, '192.0.2.1')).toMatch(/^192\.0\.2\.1 via inet6 fe80::[0-9a-f:]+ dev eth1 proto /);
  await eventually(async () => (await frr.show('show bgp ipv4 unicast')).includes('10.244.1.0/26'), 'route in FRR');
  // FRR installs it through zebra: then a packet finds both ways.
  await eventually(async () => (await routes(other, '10.244.1.0/26')).includes('via inet6 fe80:'), 'route of FRR');
  await eventually(
    async () => (await netns.try('ping', ['-c1', '-W1', '-I', '10.244.1.1', '192.0.2.1'])).code === 0,
    'a packet both ways',
  );
  await speaker.configure({ ...config, originate: [] });
  await eventually(async () => !(await frr.show('show bgp ipv4 unicast')).includes('10.244.1.0/26'), 'withdrawn');
  expect(await up()).toBe(true);
});

/** FRR's zebra and bgpd with a configuration. */
async function startFrr(netns: Netns, config: string) {
  const folder = makeTemporaryFolder('frr');
  // The daemons run as a user of their own.
  chmodSync(folder, 0o777);
  const file = join(folder, 'frr.conf');
  writeFileSync(file, `log file ${folder}/log\n${config}`);
  const daemons = ['zebra', 'bgpd'].map((name) => {
    const paths = ['-f', file, '-i', join(folder, `${name}.pid`), '--vty_socket', folder, '-z', join(folder, 'zserv')];
    return startDaemon(netns, `/usr/lib/frr/${name}`, paths);
  });
  const show = (command: string) => netns.run('vtysh', ['--vty_socket', folder, '-c', command]);
  await eventually(async () => (await show('show bgp summary json')) !== '', 'FRR');
  return {
    show,
    stop: async () => {
      await Promise.all(daemons.map((daemon) => daemon.end('SIGTERM')));
      removeTemporaryFolder(folder);
    },
  };
}
