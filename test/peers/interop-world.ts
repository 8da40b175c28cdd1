import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Router, RouterDescription, RouterKind } from '../support/routers/index.ts';
import { createRoutersWorld } from './routers-world.ts';
import { eventually, type TestSpeaker } from './speaker.ts';

/**
 * Our speaker `near` (AS 65001) with a router of each kind in each role, on links of their own: 10.99.N.0/24 and
 * 2001:db8:99:N::/64. Those that stand between two of ours are linked to `far` by 10.98.N.0/24 too.
 */
export interface InteropWorld {
  readonly near: TestSpeaker;
  readonly far: TestSpeaker;
  router(kind: RouterKind, role: Role): Router;
  remove(): Promise<void>;
}

/**
 * `external`: another AS; `internal`: our AS, with a signed session for each family, our reflector client; `reflector`:
 * our AS, both of ours are its clients; `old`: another AS without 4-octet numbers, between ours (neither FRR nor GoBGP can be one).
 */
export type Role = 'external' | 'internal' | 'reflector' | 'old';

export const kinds = ['BIRD', 'FRR', 'GoBGP'] as const;
const roles: readonly (readonly [Role, readonly RouterKind[]])[] = [
  ['external', kinds],
  ['internal', kinds],
  ['reflector', kinds],
  ['old', ['BIRD']],
];
const places = roles.flatMap(([role, those]) => those.map((kind) => ({ role, kind })));

/** The number of a router's link. */
export function linkOf(kind: RouterKind, role: Role): number {
  return 1 + places.findIndex((place) => place.kind === kind && place.role === role);
}

const ownAs = 65001;
/** FRR's does not fit into two octets. */
const externalAs: Readonly<Record<RouterKind, number>> = { BIRD: 64512, FRR: 4_200_000_512, GoBGP: 64514 };
export const asOf = (kind: RouterKind, role: Role): number => {
  if (role === 'external') return externalAs[kind];
  return role === 'old' ? 64520 : ownAs;
};

export const nearPrefixes = ['10.60.0.0/24', '2001:db8:60::/48'];
export const farPrefix = '10.70.0.0/24';
export const nearCommunities = ['65001:7', '65001:60:1'];
export const nearId = '10.99.0.1';
export const farId = '10.98.0.1';
const password = 'correct-horse';

export const prefixesOf = (kind: RouterKind, role: Role) => {
  const link = linkOf(kind, role);
  return { ipv4: `10.5.${link}.0/24`, ipv6: `2001:db8:5:${link}::/64` };
};
/** What every router puts on its own routes. */
export const marks = {
  communities: ['64999:12'],
  routeTargets: ['64999:34'],
  largeCommunities: ['4200000999:5:6'],
  asPath: [4_200_000_777],
  med: 77,
};

function description(kind: RouterKind, role: Role): RouterDescription {
  const link = linkOf(kind, role);
  const near = { address: `10.99.${link}.1`, as: ownAs };
  const far = { address: `10.98.${link}.1`, as: ownAs };
  const neighbors = {
    external: [near],
    internal: [
      { ...near, families: [4], password },
      { ...near, address: `2001:db8:99:${link}::1`, families: [6], password },
    ],
    reflector: [near, far].map((neighbor) => ({ ...neighbor, reflectorClient: true, families: [4] })),
    old: [near, far].map((neighbor) => ({ ...neighbor, twoOctetAs: true, families: [4] })),
  } satisfies Record<Role, RouterDescription['neighbors']>;
  const { ipv4, ipv6 } = prefixesOf(kind, role);
  const passesOn = role === 'reflector' || role === 'old';
  const routes = passesOn
    ? []
    : [
        { prefix: ipv4, ...marks },
        { prefix: ipv6, nextHop: `2001:db8:99:${link}::2`, ...marks },
      ];
  // FRR knows its IPv6 next hop of an IPv4 session from zebra alone.
  const forwards = kind === 'FRR' && role === 'external';
  return { as: asOf(kind, role), routerId: `10.99.${link}.2`, neighbors: neighbors[role], routes, forwards };
}

/** The peers of one of ours, one or two for each router it is linked to. */
function peersOf(side: 'near' | 'far', speaker: TestSpeaker) {
  return places.flatMap(({ kind, role }) => {
    const link = linkOf(kind, role);
    const base = { peerAs: asOf(kind, role), connectRetrySeconds: 1, name: nameOf(kind, role) };
    const ipv4 = { ...base, peerAddress: `10.${side === 'near' ? 99 : 98}.${link}.2` };
    if (role === 'external') return side === 'near' ? [ipv4] : [];
    // The far one takes a path with its own AS number, and tells nothing: all comes from the near one.
    const oldOptions = side === 'far' ? { allowOwnAs: 1, exportAction: 'Reject' } : {};
    if (role !== 'internal') return [{ ...ipv4, families: ['ipv4Unicast'], ...(role === 'old' && oldOptions) }];
    const client = { reflectorClient: true, passwordFile: join(speaker.folder, 'password') };
    const ipv6 = { ...base, name: `${base.name}-ipv6`, peerAddress: `2001:db8:99:${link}::2` };
    if (side === 'far') return [];
    return [
      { ...ipv4, ...client, families: ['ipv4Unicast'] },
      { ...ipv6, ...client, families: ['ipv6Unicast'] },
    ];
  });
}

/** The name of the peer in ours' configuration. */
export function nameOf(kind: RouterKind, role: Role): string {
  return `${kind}-${role}`;
}

export async function createInteropWorld(): Promise<InteropWorld> {
  const world = await createRoutersWorld();
  const { near, far, remove } = world;
  const place = ({ kind, role }: (typeof places)[number]) =>
    world.addRouter({
      kind,
      name: nameOf(kind, role),
      number: linkOf(kind, role),
      nextTo: role === 'reflector' || role === 'old' ? ['near', 'far'] : ['near'],
      description: description(kind, role),
    });
  const configure = async (side: 'near' | 'far', speaker: TestSpeaker) => {
    await speaker.start();
    writeFileSync(join(speaker.folder, 'password'), `${password}\n`);
    const prefixes = side === 'near' ? nearPrefixes : [farPrefix];
    await speaker.configure({
      localAs: ownAs,
      routerId: side === 'near' ? nearId : farId,
      originate: prefixes.map((prefix) => ({ prefix, communities: nearCommunities })),
      peers: peersOf(side, speaker),
    });
  };
  try {
    await Promise.all([...places.map(place), configure('near', near), configure('far', far)]);
    await eventually(
      async () => {
        const states = [...(await near.peers()), ...(await far.peers())];
        const missing = states.filter(({ state }) => state !== 'Established').map(({ name }) => name);
        if (missing.length > 0) throw new Error(`not established: ${missing.join(', ')}`);
        return true;
      },
      'all sessions',
      60,
    );
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    near,
    far,
    router: (kind, role) => world.router(nameOf(kind, role)),
    remove,
  };
}
