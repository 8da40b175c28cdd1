// BIRD, FRR and GoBGP as neighbours, in each role at once.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SeenRoute } from '../support/routers/index.ts';
import {
  asOf,
  createInteropWorld,
  farId,
  farPrefix,
  type InteropWorld,
  kinds,
  linkOf,
  marks,
  nameOf,
  nearCommunities,
  nearId,
  nearPrefixes,
  prefixesOf,
  type Role,
} from './interop-world.ts';
import { eventually, type TestSpeaker } from './speaker.ts';

let world: InteropWorld;
beforeAll(async () => {
  world = await createInteropWorld();
});
afterAll(() => world?.remove());

type Kind = (typeof kinds)[number];

/** The route as the router has it in the end. */
async function seenBy(kind: Kind, role: Role, prefix: string, wanted: Partial<SeenRoute>): Promise<void> {
  const router = world.router(kind, role);
  await eventually(
    async () => {
      expect(await router.route(prefix)).toMatchObject(wanted);
      return true;
    },
    `${prefix} in ${nameOf(kind, role)}`,
  );
}

/** The route as one of ours has it from a peer in the end. */
async function receivedFrom(speaker: TestSpeaker, peer: string, prefix: string, wanted: object): Promise<void> {
  await eventually(async () => {
    const route = (await speaker.routes('received', peer)).find((each) => each.prefix === prefix);
    expect(route, JSON.stringify(route)).toMatchObject(wanted);
    return true;
  }, `${prefix} from ${peer}`);
}

const sees = (communities: readonly string[]) => ({
  communities: communities.filter((value) => value.split(':').length === 2),
  largeCommunities: communities.filter((value) => value.split(':').length === 3),
});
const markedAs = {
  communities: marks.communities,
  routeTargets: marks.routeTargets,
  largeCommunities: marks.largeCommunities,
};
const shownMarks = {
  communities: marks.communities[0],
  extendedCommunities: expect.stringContaining(marks.routeTargets[0]),
  largeCommunities: marks.largeCommunities[0],
};

describe.each(kinds)('%s in another AS', (kind) => {
  const link = linkOf(kind, 'external');
  const { ipv4, ipv6 } = prefixesOf(kind, 'external');

  it('has our routes of both families, with standard and large communities', async () => {
    const wanted = { asPath: '65001', ...sees(nearCommunities) };
    await seenBy(kind, 'external', nearPrefixes[0], { ...wanted, nextHop: `10.99.${link}.1` });
    await seenBy(kind, 'external', nearPrefixes[1], { ...wanted, nextHop: `2001:db8:99:${link}::1` });
  });

  it('gives us its own, with communities of all kinds, a 4-octet AS number in the path and a MED', async () => {
    const attributes = expect.objectContaining({ ...shownMarks, med: '77' });
    const wanted = { asPath: `${asOf(kind, 'external')} 4200000777`, best: true, attributes };
    const name = nameOf(kind, 'external');
    await receivedFrom(world.near, name, ipv4, { ...wanted, nextHop: `10.99.${link}.2` });
    await receivedFrom(world.near, name, ipv6, { ...wanted, nextHop: `2001:db8:99:${link}::2` });
  });

  it.each(kinds.filter((other) => other !== kind))('has what %s announces, as it was marked there', async (other) => {
    const wanted = { asPath: `65001 ${asOf(other, 'external')} 4200000777`, ...markedAs };
    const prefixes = prefixesOf(other, 'external');
    await seenBy(kind, 'external', prefixes.ipv4, { ...wanted, nextHop: `10.99.${link}.1` });
    await seenBy(kind, 'external', prefixes.ipv6, { ...wanted, nextHop: `2001:db8:99:${link}::1` });
  });
});

describe.each(kinds)('%s as our reflector client, over signed sessions of IPv4 and IPv6', (kind) => {
  it('has our routes', async () => {
    const wanted = { asPath: '', localPref: 100, ...sees(nearCommunities) };
    for (const prefix of nearPrefixes) await seenBy(kind, 'internal', prefix, wanted);
  });

  it.each(kinds.filter((other) => other !== kind))('has what the client %s announces', async (other) => {
    const prefixes = prefixesOf(other, 'internal');
    const link = linkOf(other, 'internal');
    const reflected = { originatorId: `10.99.${link}.2`, clusterList: [nearId] };
    const wanted = { asPath: '4200000777', localPref: 100, ...markedAs, ...reflected };
    await seenBy(kind, 'internal', prefixes.ipv4, { ...wanted, nextHop: `10.99.${link}.2` });
    await seenBy(kind, 'internal', prefixes.ipv6, { ...wanted, nextHop: `2001:db8:99:${link}::2` });
  });
});

describe.each(kinds)('%s as the reflector between two of ours', (kind) => {
  it('passes routes on in both directions', async () => {
    const clusterList = `10.99.${linkOf(kind, 'reflector')}.2`;
    const wanted = (originatorId: string) => ({
      asPath: '',
      attributes: expect.objectContaining({ originatorId, clusterList }),
    });
    await receivedFrom(world.near, nameOf(kind, 'reflector'), farPrefix, wanted(farId));
    await receivedFrom(world.far, nameOf(kind, 'reflector'), nearPrefixes[0], wanted(nearId));
  });
});

describe('BIRD with 2-octet AS numbers between two of ours', () => {
  it('passes on a path with 4-octet numbers', async () => {
    const kind = 'BIRD';
    const { ipv4 } = prefixesOf('GoBGP', 'external');
    const asPath = `${asOf(kind, 'old')} 65001 ${asOf('GoBGP', 'external')} 4200000777`;
    await receivedFrom(world.far, nameOf(kind, 'old'), ipv4, { asPath });
    expect((await world.router(kind, 'old').route(ipv4))?.asPath).toBe(asPath.replace(/^\d+ /, ''));
  });
});
