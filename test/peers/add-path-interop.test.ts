import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RouterKind } from '../support/routers/index.ts';
import { createRoutersWorld, type RoutersWorld } from './routers-world.ts';
import { eventually, type TestSpeaker } from './speaker.ts';

/**
 * Ours (AS 65001) with BIRD, FRR and GoBGP, all of which originate one prefix, and hear of it from a second speaker (AS
 * 65002) too: each tells us two paths, and hears of the four that the two others have.
 */

const kinds = ['BIRD', 'FRR', 'GoBGP'] as const;
const prefix = '10.7.0.0/24';
const asOf = (kind: RouterKind) => 64601 + kinds.indexOf(kind);
let world: RoutersWorld;
let near: TestSpeaker;

beforeAll(async () => {
  world = await createRoutersWorld();
  const { far } = world;
  near = world.near;
  for (const [i, kind] of kinds.entries()) {
    await world.addRouter({
      kind,
      number: i,
      nextTo: ['near', 'far'],
      description: {
        as: asOf(kind),
        routerId: `10.99.${i}.2`,
        neighbors: [
          { address: `10.99.${i}.1`, as: 65001, families: [4], addPaths: true },
          { address: `10.98.${i}.1`, as: 65002, families: [4] },
        ],
        routes: [{ prefix }],
      },
    });
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
afterAll(() => world?.remove());

/** The AS paths of the prefix in a router that come from us. */
async function pathsIn(kind: RouterKind): Promise<string[]> {
  const router = world.router(kind);
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
