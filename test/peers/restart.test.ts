import { afterEach, expect, it } from 'vitest';
import { birdConfig, createFixture, type Fixture, speakerConfig } from './fixture.ts';
import { eventually } from './speaker.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.remove();
  fixture = undefined;
});

const base = { link: 1, as: 64512, peerAs: 65001 };
const routes = ['192.0.2.0/24', '198.51.100.0/24', '2001:db8:100::/48'];

async function start(): Promise<Fixture> {
  const f = await createFixture([birdConfig({ ...base, routes })]);
  fixture = f;
  await f.speaker.configure(
    speakerConfig({ as: 65001, peers: [{ link: 1, as: 64512 }], originate: ['10.244.1.0/26', '2001:db8:244::/122'] }),
  );
  await eventually(async () => (await f.kernelRoutes()).length === 3, 'kernel routes');
  await eventually(async () => (await f.birds[0].birdc('show route')).includes('2001:db8:244::/122'), 'routes in BIRD');
  return f;
}

it('keeps kernel routes over a kill -9, goes on with the stored configuration, and sweeps what has gone meanwhile', async () => {
  const f = await start();
  const monitor = f.netns.spawn('ip', ['monitor', 'route'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let events = '';
  monitor.stdout?.on('data', (chunk) => {
    events += chunk;
  });
  await f.speaker.kill();
  expect(await f.kernelRoutes()).toHaveLength(3);
  await eventually(async () => !(await f.birds[0].birdc('show protocols')).includes('Established'), 'BIRD notices');
  await f.birds[0].reconfigure(birdConfig({ ...base, routes: ['192.0.2.0/24', '2001:db8:100::/48'] }));

  await f.speaker.start();
  await eventually(async () => (await f.birds[0].birdc('show route')).includes('2001:db8:244::/122'), 'routes in BIRD');
  await eventually(async () => (await f.kernelRoutes()).length === 2, 'the stale route swept');
  monitor.kill();
  const deleted = events.split('\n').filter((line) => line.startsWith('Deleted'));
  expect(deleted).toEqual([expect.stringContaining('198.51.100.0/24')]);
});

it('withdraws the routes of a peer that was killed, and converges when it is back', async () => {
  const f = await start();
  await f.birds[0].kill();
  await eventually(async () => (await f.kernelRoutes()).length === 0, 'kernel routes gone');
  expect((await f.speaker.peers())[0].received).toBe(0);
  await f.birds[0].restart();
  await eventually(async () => (await f.kernelRoutes()).length === 3, 'kernel routes');
  await eventually(async () => (await f.birds[0].birdc('show route')).includes('2001:db8:244::/122'), 'routes in BIRD');
});

it('leaves with a Cease on SIGTERM, and takes its routes along', async () => {
  const f = await start();
  await f.netns.run('ip', ['route', 'add', '203.0.113.0/24', 'via', '10.99.1.2', 'proto', 'static']);
  expect(await f.speaker.terminate()).toBe(0);
  expect(await f.kernelRoutes()).toEqual([expect.stringMatching(/^203\.0\.113\.0\/24 .* proto static/)]);
  expect(await f.birds[0].birdc('show protocols all caracal')).toContain('Received: Administrative shutdown');
});

it('never takes the place of a route that is not its own', async () => {
  const f = await start();
  await f.netns.run('ip', ['route', 'add', '203.0.113.0/24', 'dev', 'eth1', 'proto', 'static']);
  await f.birds[0].reconfigure(birdConfig({ ...base, routes: [...routes, '203.0.113.0/24', '10.99.1.0/24'] }));
  await eventually(async () => (await f.kernelRoutes()).length === 6, 'kernel routes');
  expect(await f.netns.run('ip', ['route', 'get', '203.0.113.9'])).not.toContain('via');
  await f.birds[0].reconfigure(birdConfig({ ...base, routes }));
  await eventually(async () => (await f.kernelRoutes()).length === 4, 'kernel routes withdrawn');
  expect((await f.kernelRoutes()).join('\n')).toContain('203.0.113.0/24 dev eth1 proto static');
  expect(await f.netns.run('ip', ['route'])).toContain('10.99.1.0/24 dev eth1 proto kernel');
});
