import { afterEach, expect, it } from 'vitest';
import { birdConfig, createFixture, type Fixture, speakerConfig } from './fixture.ts';
import { eventually } from './speaker.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.remove();
  fixture = undefined;
});

it('takes several paths to a prefix from BIRD, and tells it several', async () => {
  const prefix = '192.0.2.0/24';
  const addPaths = (config: string, which: 'on' | 'rx' | 'tx' = 'on') =>
    config.replaceAll('import all;', `add paths ${which}; import all;`);
  /** A BIRD with a route to the prefix for each next hop of its link, and the last octet of that in a community. */
  const sender = (nextHops: readonly string[]) => {
    const base = birdConfig({ link: 1, as: 64512, peerAs: 65001, routes: [] });
    const statics = nextHops.map(
      (hop) =>
        `protocol static { ipv4; route ${prefix} via ${hop} { bgp_community.add((64512, ${hop.split('.')[3]})); }; }`,
    );
    return addPaths(`${base}${statics.join('\n')}\n`).replace('add paths on;', 'next hop keep; add paths on;');
  };
  const receiver = addPaths(birdConfig({ link: 2, as: 64513, peerAs: 65001, routes: [] }), 'rx');
  const f = await createFixture([
    sender(['10.99.1.10', '10.99.1.11']),
    receiver,
    addPaths(birdConfig({ link: 3, as: 64514, peerAs: 65001, routes: [] }), 'tx'),
  ]);
  fixture = f;
  const both = { addPaths: { receive: true, send: 'All' } };
  await f.speaker.configure(
    speakerConfig({
      as: 65001,
      peers: [
        { link: 1, as: 64512, ...both },
        { link: 2, as: 64513, ...both },
        { link: 3, as: 64514, ...both },
      ],
    }),
  );
  const received = async () =>
    (await f.speaker.routes('received', 'bird1'))
      .map(({ nextHop }) => nextHop)
      .sort()
      .join();
  await eventually(async () => (await received()) === '10.99.1.10,10.99.1.11', 'both paths');
  const ids = (await f.speaker.routes('received', 'bird1')).map(({ pathId }) => pathId);
  expect(new Set(ids).size).toBe(2);
  expect((await f.kernelRoutes()).join('\n')).toMatch(
    /^192\.0\.2\.0\/24 .*via 10\.99\.1\.1[01] .*via 10\.99\.1\.1[01] /m,
  );

  const heard = async (link: 2 | 3) => {
    const text = await f.birds[link - 1].birdc(`show route all ${prefix}`);
    return [...text.matchAll(/BGP\.community: \(64512,(\d+)\)/g)]
      .map(([, octet]) => octet)
      .sort()
      .join();
  };
  await eventually(async () => (await heard(2)) === '10,11', 'both in BIRD');
  // One that only sends several hears of the best alone.
  await eventually(async () => ['10', '11'].includes(await heard(3)), 'one in the third BIRD');
  expect(await f.speaker.cli('show', 'advertised', 'bird2')).toMatch(/^\* +192\.0\.2\.0\/24 \[\d+\] +10\.99\.2\.1 /m);

  await f.birds[0].reconfigure(sender(['10.99.1.11']));
  await eventually(async () => (await received()) === '10.99.1.11', 'one path');
  await eventually(async () => (await heard(2)) === '11', 'one in BIRD');
  await f.birds[0].reconfigure(sender([]));
  await eventually(async () => !(await f.birds[1].birdc('show route')).includes(prefix), 'none in BIRD');
  expect((await f.kernelRoutes()).join('\n')).not.toContain(prefix);
});
