import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, createNetns } from '../support/netns.ts';
import { type Router, type RouterKind, startRouter } from '../support/routers/index.ts';
import { createSpeaker, eventually, type TestSpeaker } from './speaker.ts';

/**
 * Ours (AS 65001) with BIRD, FRR and GoBGP, all of which originate one prefix, and hear of it from a second speaker (AS
 * 65002) too: each tells us two paths, and hears of the four that the two others have.
 */

const kinds = ['BIRD', 'FRR', 'GoBGP'] as const;
const prefix = '10.7.0.0/24';
const asOf = (kind: RouterKind) => 64601 + kinds.indexOf(kind);
const cleanup: (() => Promise<void>)[] = [];
const routers = new Map<RouterKind, Router>();
let near: TestSpeaker;

beforeAll(async () => {
  const [nearSpace, farSpace] = [await createNetns('near'), await createNetns('far')];
  cleanup.push(nearSpace.remove, farSpace.remove);
  const far = createSpeaker(farSpace);
  near = createSpeaker(nearSpace);
  cleanup.push(near.remove, far.remove);
  for (const [i, kind] of kinds.entries()) {
    const space = await createNetns('rtr');
    cleanup.push(space.remove);
    for (const [netns, second] of [
      [nearSpace, 99],
      [farSpace, 98],
    ] as const) {
      await connect(
        { netns, interface: `eth${i}`, address: `10.${second}.${i}.1/24` },
        { netns: space, interface: `eth${second}`, address: `10.${second}.${i}.2/24` },
      );
    }
    const router = await startRouter(kind, space, {
      as: asOf(kind),
      routerId: `10.99.${i}.2`,
      neighbors: [
        { address: `10.99.${i}.1`, as: 65001, families: [4], addPaths: true },
        { address: `10.98.${i}.1`, as: 65002, families: [4] },
      ],
      routes: [{ prefix }],
    });
    routers.set(kind, router);
    cleanup.push(router.stop);
  }
  const peers = (second: number, changes: object) =>
    kinds.map((kind, i) => ({
      name: kind,
      peerAddress: `10.${second}.${i}.2`,
      peerAs: asOf(kind),
      connectRetrySeconds: 1,
      families: ['ipv4Unicast'],
      ...changes,
    }));
  await Promise.all([near.start(), far.start()]);
  const addPaths = { receive: true, send: 'All' };
  await near.configure({ localAs: 65001, routerId: '10.99.0.1', originate: [], peers: peers(99, { addPaths }) });
  // It tells of itself alone.
  const exportAction = {
    ipv4Unicast: { rules: [{ action: 'Reject', source: 'RemotePeers' }], otherwise: 'Accept' },
    ipv6Unicast: 'Accept',
  };
  const origin = { localAs: 65002, routerId: '10.98.0.1', originate: [{ prefix }], peers: peers(98, { exportAction }) };
  await far.configure(origin);
}, 120_000);
afterAll(async () => {
  for (const one of cleanup.reverse()) await one();
});

/** The AS paths of the prefix in a router that come from us. */
async function pathsIn(kind: RouterKind): Promise<string[]> {
  const router = routers.get(kind);
  const texts = {
    BIRD: () => router?.client('show route all', prefix),
    FRR: () => router?.client(`show bgp ipv4 unicast ${prefix}`),
    GoBGP: () => router?.client('global', 'rib', prefix),
  };
  const text = (await texts[kind]()) ?? '';
  return (text.match(/\b65001( \d+)+/g) ?? []).sort();
}

describe.each(kinds)('%s', (kind) => {
  it('tells us its own path and another', async () => {
    const own = `${asOf(kind)}`;
    const heard = async () => {
      const routes = (await near.routes('received', kind)).filter(
        (route) => route.prefix === prefix && !route.excluded,
      );
      expect(new Set(routes.map(({ pathId }) => pathId)).size).toBe(routes.length);
      return routes.map(({ asPath }) => asPath).sort();
    };
    await eventually(async () => (await heard()).join() === [own, `${own} 65002`].join(), 'two paths');
  });

  it('hears of all paths that the others have', async () => {
    const others = kinds.filter((other) => other !== kind).map((other) => `65001 ${asOf(other)}`);
    const expected = others.flatMap((path) => [path, `${path} 65002`]).sort();
    await eventually(async () => (await pathsIn(kind)).join() === expected.join(), 'four paths');
  });
});
