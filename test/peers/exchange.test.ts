import { afterEach, expect, it } from 'vitest';
import { birdConfig, createFixture, type Fixture, speakerConfig } from './fixture.ts';
import { eventually } from './speaker.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.remove();
  fixture = undefined;
});

const established = (f: Fixture) => async () => (await f.speaker.peers()).every((peer) => peer.state === 'Established');

it('exchanges IPv4 and IPv6 routes with an external peer, and withdraws them', async () => {
  const base = { link: 1, as: 64512, peerAs: 65001 };
  const f = await createFixture([
    birdConfig({ ...base, routes: ['192.0.2.0/24', '198.51.100.0/24', '2001:db8:100::/48'] }),
  ]);
  fixture = f;
  const originate = [{ prefix: '10.244.1.0/26', communities: ['65001:7', 'no-peer'] }, '2001:db8:244::/122'];
  await f.speaker.configure(speakerConfig({ as: 65001, peers: [{ link: 1, as: 64512 }], originate }));

  await eventually(async () => (await f.birds[0].birdc('show route')).includes('2001:db8:244::/122'), 'routes in BIRD');
  const ipv4 = await f.birds[0].birdc('show route all 10.244.1.0/26');
  expect(ipv4).toContain('via 10.99.1.1 on eth0');
  expect(ipv4).toContain('BGP.as_path: 65001');
  expect(ipv4).toMatch(/BGP\.community: \(65001,7\) \(65535,65284\)/);
  expect(await f.birds[0].birdc('show route all 2001:db8:244::/122')).toContain('via 2001:db8:99:1::1 on eth0');

  await eventually(async () => (await f.kernelRoutes()).length === 3, 'kernel routes');
  expect((await f.kernelRoutes()).map((line) => line.replace(/ pref medium$/, ''))).toEqual([
    expect.stringMatching(/^192\.0\.2\.0\/24 via 10\.99\.1\.2 dev eth1 proto (201|caracal) metric 32$/),
    expect.stringMatching(/^198\.51\.100\.0\/24 via 10\.99\.1\.2 dev eth1 proto (201|caracal) metric 32$/),
    expect.stringMatching(/^2001:db8:100::\/48 via 2001:db8:99:1::2 dev eth1 proto (201|caracal) metric 2048$/),
  ]);

  const table = await f.speaker.cli('show', 'peers');
  expect(table).toMatch(/^bird1 +10\.99\.1\.2 +64512 +Established +\d+s +3 +2$/m);
  expect(await f.speaker.cli('show', 'received', 'bird1')).toMatch(
    /^\* +192\.0\.2\.0\/24 +10\.99\.1\.2 +bird1 +64512 /m,
  );
  expect(await f.speaker.routes('advertised', 'bird1')).toMatchObject([
    { prefix: '10.244.1.0/26', nextHop: '10.99.1.1', asPath: '65001' },
    { prefix: '2001:db8:244::/122', nextHop: '2001:db8:99:1::1', asPath: '65001' },
  ]);

  // Withdrawn by BIRD, and by us; the session stays.
  const since = (await f.speaker.peers())[0].sinceMs;
  await f.birds[0].reconfigure(birdConfig({ ...base, routes: ['192.0.2.0/24'] }));
  await f.speaker.configure(
    speakerConfig({ as: 65001, peers: [{ link: 1, as: 64512 }], originate: ['10.244.2.0/26'] }),
  );
  await eventually(async () => (await f.kernelRoutes()).length === 1, 'withdrawn kernel routes');
  await eventually(async () => {
    const text = await f.birds[0].birdc('show route');
    return text.includes('10.244.2.0/26') && !text.includes('10.244.1.0/26') && !text.includes('2001:db8:244::');
  }, 'the difference in BIRD');
  expect((await f.speaker.peers())[0].sinceMs).toBe(since);
});

it('exchanges routes with an internal peer', async () => {
  const f = await createFixture([
    birdConfig({ link: 1, as: 65001, peerAs: 65001, routes: ['192.0.2.0/24', '2001:db8:100::/48'] }),
  ]);
  fixture = f;
  const originate = ['10.244.1.0/26', '2001:db8:244::/122'];
  await f.speaker.configure(speakerConfig({ as: 65001, peers: [{ link: 1, as: 65001 }], originate }));
  await eventually(async () => (await f.kernelRoutes()).length === 2, 'kernel routes');
  await eventually(async () => (await f.birds[0].birdc('show route')).includes('2001:db8:244::/122'), 'routes in BIRD');
  const ipv4 = await f.birds[0].birdc('show route all 10.244.1.0/26');
  expect(ipv4).toContain('BGP.local_pref: 100');
  expect(ipv4).toMatch(/BGP\.as_path: *$/m);
  expect(await f.speaker.routes('received', 'bird1')).toMatchObject([
    { prefix: '192.0.2.0/24', asPath: '', best: true, attributes: { localPref: '100' } },
    { prefix: '2001:db8:100::/48', nextHop: '2001:db8:99:1::2' },
  ]);
});

it('carries both families over IPv6', async () => {
  const neighbor = '2001:db8:99:1::1';
  const f = await createFixture([
    birdConfig({ link: 1, as: 64512, peerAs: 65001, routes: ['2001:db8:100::/48'], neighbor }),
  ]);
  fixture = f;
  const peers = [{ link: 1, as: 64512, peerAddress: '2001:db8:99:1::2' }];
  await f.speaker.configure(speakerConfig({ as: 65001, peers, originate: ['10.244.1.0/26', '2001:db8:244::/122'] }));
  await eventually(async () => (await f.birds[0].birdc('show route')).includes('2001:db8:244::/122'), 'routes in BIRD');
  expect(await f.birds[0].birdc('show route 10.244.1.0/26')).toContain('via 10.99.1.1 on eth0');
  await eventually(async () => (await f.kernelRoutes()).length === 1, 'kernel route');
});

it('waits for a peer that connects', async () => {
  const f = await createFixture([birdConfig({ link: 1, as: 64512, peerAs: 65001, routes: ['192.0.2.0/24'] })]);
  fixture = f;
  await f.speaker.configure(speakerConfig({ as: 65001, peers: [{ link: 1, as: 64512, passive: true }] }));
  await eventually(async () => (await f.kernelRoutes()).length === 1, 'kernel route');
});

it('passes routes on, shares traffic among equal paths, and follows the policy without a new session', async () => {
  const routes = ['192.0.2.0/24', '2001:db8:100::/48'];
  const f = await createFixture([
    birdConfig({ link: 1, as: 64512, peerAs: 65001, routes: [...routes, '203.0.113.0/24'] }),
    birdConfig({ link: 2, as: 64513, peerAs: 65001, routes }),
  ]);
  fixture = f;
  const config = (one: object = {}) =>
    speakerConfig({
      as: 65001,
      peers: [
        { link: 1, as: 64512, ...one },
        { link: 2, as: 64513 },
      ],
    });
  await f.speaker.configure(config());
  const both = async () => {
    const lines = (await f.kernelRoutes()).join('\n');
    return (
      lines.match(/nexthop via 10\.99\.[12]\.2/g)?.length === 2 &&
      lines.match(/nexthop via 2001:db8:99:[12]::2|2001:db8:100::\/48 via/g)?.length === 2
    );
  };
  await eventually(both, 'two next hops for each family');
  await eventually(
    async () => (await f.birds[1].birdc('show route all 203.0.113.0/24')).includes('as_path: 65001 64512'),
    'transit',
  );

  const why = (await f.speaker.cli('show', 'routes', '--why'))
    .split('\n')
    .filter((line) => line.includes('192.0.2.0/24'));
  expect(why.sort()).toEqual([
    expect.stringMatching(/bird2 .*lost: lowest BGP Identifier \(9\.1\.2\.2 f\)/),
    expect.stringMatching(/^\* .*bird1 .*best: lowest BGP Identifier \(9\.1\.2\.2 f\)/),
  ]);
  const since = (await f.speaker.peers()).map((peer) => peer.sinceMs);
  await f.speaker.configure(config({ importAction: 'Reject', exportAction: 'Reject' }));
  await eventually(async () => {
    const kernel = (await f.kernelRoutes()).join('\n');
    return !kernel.includes('10.99.1.2') && kernel.includes('192.0.2.0/24 via 10.99.2.2');
  }, 'routes of the rejected peer gone');
  await eventually(async () => !(await f.birds[1].birdc('show route')).includes('203.0.113.0/24'), 'transit withdrawn');
  expect((await f.speaker.routes('received', 'bird1')).map((route) => route.excluded)).toEqual(
    Array(3).fill('import policy'),
  );

  await f.speaker.configure(config());
  await eventually(both, 'two next hops again');
  expect((await f.speaker.peers()).map((peer) => peer.sinceMs)).toEqual(since);

  // Another peer's removal touches neither session nor routes of the first.
  await f.speaker.configure(speakerConfig({ as: 65001, peers: [{ link: 1, as: 64512 }] }));
  await eventually(
    async () => !(await f.kernelRoutes()).join('\n').includes('10.99.2.2'),
    'routes of the removed peer gone',
  );
  await eventually(established(f), 'the first session');
  expect((await f.speaker.peers()).map((peer) => peer.sinceMs)).toEqual(since.slice(0, 1));
});
