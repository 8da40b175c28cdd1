import { afterEach, expect, it } from 'vitest';
import { birdConfig, createFixture, type Fixture, speakerConfig } from './fixture.ts';
import { eventually } from './speaker.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.remove();
  fixture = undefined;
});

it('tells BIRD an aggregate in place of the routes within, and a default route', async () => {
  const source = (routes: string[]) => birdConfig({ link: 1, as: 64512, peerAs: 65001, routes });
  const within = ['10.1.1.0/24', '10.1.2.0/24', '2001:db8:1:1::/64'];
  const f = await createFixture([
    source([...within, '192.0.2.0/24']),
    birdConfig({ link: 2, as: 64513, peerAs: 65001, routes: [] }),
  ]);
  fixture = f;
  const config = speakerConfig({
    as: 65001,
    peers: [
      { link: 1, as: 64512 },
      { link: 2, as: 64513, defaultOriginate: true },
    ],
  });
  const aggregates = ['10.1.0.0/16', '2001:db8:1::/48'].map((prefix) => ({ prefix, summaryOnly: true }));
  await f.speaker.configure(Object.assign({}, config, { aggregates }));

  const heard = async (bird: number) => {
    const text = await f.birds[bird].birdc('show route protocol caracal');
    return [...text.matchAll(/^(\S+\/\d+) /gm)].map(([, prefix]) => prefix).sort();
  };
  const summary = ['0.0.0.0/0', '10.1.0.0/16', '192.0.2.0/24', '2001:db8:1::/48', '::/0'];
  await eventually(async () => (await heard(1)).join() === summary.join(), 'aggregates and default routes');
  const all = await f.birds[1].birdc('show route all 10.1.0.0/16');
  expect(all).toMatch(/BGP\.as_path: 65001 *$/m);
  expect(all).toMatch(/BGP\.atomic_aggr:/);
  expect(all).toMatch(/BGP\.aggregator: 10\.99\.1\.1 AS65001/);
  const kernel = (await f.kernelRoutes()).join('\n');
  expect(kernel).toMatch(/^blackhole 10\.1\.0\.0\/16 proto (201|caracal) metric 32/m);
  expect(kernel).toMatch(/^10\.1\.1\.0\/24 via 10\.99\.1\.2 /m);
  expect(kernel).toMatch(/^blackhole 2001:db8:1::\/48 dev lo proto (201|caracal) metric 2048/m);
  // The source is told of the aggregates as well, and of no default route.
  expect(await heard(0)).toEqual(['10.1.0.0/16', '2001:db8:1::/48']);

  await f.birds[0].reconfigure(source(['10.1.2.0/24', '192.0.2.0/24']));
  await eventually(async () => !(await heard(1)).includes('2001:db8:1::/48'), 'the IPv6 aggregate gone');
  expect(await heard(1)).toContain('10.1.0.0/16');
  await f.birds[0].reconfigure(source(['192.0.2.0/24']));
  await eventually(async () => (await heard(1)).join() === '0.0.0.0/0,192.0.2.0/24,::/0', 'both gone');
  await eventually(async () => !(await f.kernelRoutes()).join('\n').includes('blackhole'), 'gone from the kernel');
});
