import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Netns } from '../netns.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../temporary-folder.ts';
import { answers, type Daemon, startDaemon } from './daemon.ts';
import {
  familiesOf,
  is6,
  type NeighborDescription,
  type OwnRoute,
  type Router,
  type RouterDescription,
  type SeenRoute,
} from './description.ts';

/** GoBGP keeps no kernel routes of its own, and its sessions always have 4-octet AS numbers. */
export async function startGobgp(netns: Netns, description: RouterDescription): Promise<Router> {
  const folder = makeTemporaryFolder('gobgp');
  const file = join(folder, 'gobgp.toml');
  writeFileSync(file, configuration(description));
  let daemon: Daemon;
  const client = (...args: string[]) => netns.run('gobgp', args);
  const start = async (...extra: string[]) => {
    daemon = startDaemon(netns, 'gobgpd', ['-f', file, '-l', 'warn', ...extra]);
    await answers('gobgpd', daemon, async () => (await netns.try('gobgp', ['global'])).stdout.includes('AS:'));
    for (const route of description.routes) await client('global', 'rib', 'add', ...routeArguments(route));
  };
  try {
    await start();
  } catch (error) {
    removeTemporaryFolder(folder);
    throw error;
  }
  return {
    kind: 'GoBGP',
    netns,
    established: async () => {
      // What the client prints as JSON; 6 is Established.
      const peers = JSON.parse(await client('neighbor', '-j')) as { state: { session_state?: number } }[];
      return peers.every(({ state }) => state.session_state === 6);
    },
    route: async (prefix) => {
      const family = is6(prefix) ? 'ipv6' : 'ipv4';
      const found = await netns.try('gobgp', ['global', 'rib', '-a', family, '-j', prefix]);
      return found.stdout.startsWith('{') ? parseRoute(JSON.parse(found.stdout)) : undefined;
    },
    kill: () => daemon.end('SIGKILL'),
    restart: () => start('-r'),
    client,
    stop: async () => {
      await daemon.end('SIGKILL');
      removeTemporaryFolder(folder);
    },
  };
}

function configuration({ as, routerId, neighbors }: RouterDescription): string {
  return [`[global.config]\nas = ${as}\nrouter-id = "${routerId}"`, ...neighbors.map((n) => session(n, routerId))].join(
    '\n',
  );
}

function session(neighbor: NeighborDescription, routerId: string): string {
  if (neighbor.twoOctetAs || neighbor.bfd) throw new Error('GoBGP has neither 2-octet sessions nor BFD');
  const { address, as, password, reflectorClient, addPaths } = neighbor;
  const lines = [
    '[[neighbors]]',
    '[neighbors.config]',
    `neighbor-address = "${address}"`,
    `peer-as = ${as}`,
    ...(password ? [`auth-password = "${password}"`] : []),
    '[neighbors.timers.config]',
    'connect-retry = 1',
    'idle-hold-time-after-reset = 1',
    '[neighbors.graceful-restart.config]',
    'enabled = true',
    'restart-time = 30',
    ...(reflectorClient
      ? [
          '[neighbors.route-reflector.config]',
          'route-reflector-client = true',
          `route-reflector-cluster-id = "${routerId}"`,
        ]
      : []),
  ];
  for (const family of familiesOf(neighbor)) {
    lines.push('[[neighbors.afi-safis]]', '[neighbors.afi-safis.config]', `afi-safi-name = "ipv${family}-unicast"`);
    lines.push('[neighbors.afi-safis.mp-graceful-restart.config]', 'enabled = true');
    if (addPaths) lines.push('[neighbors.afi-safis.add-paths.config]', 'receive = true', 'send-max = 8');
  }
  return lines.join('\n');
}

function routeArguments(route: OwnRoute): string[] {
  const list = (name: string, values: readonly string[] = []) => (values.length > 0 ? [name, values.join(',')] : []);
  return [
    ...['-a', is6(route.prefix) ? 'ipv6' : 'ipv4', route.prefix, 'origin', 'igp'],
    ...(route.nextHop ? ['nexthop', route.nextHop] : []),
    ...list('community', route.communities),
    ...(route.routeTargets ?? []).flatMap((value) => ['rt', value]),
    ...list('large-community', route.largeCommunities),
    ...(route.asPath ? ['aspath', route.asPath.join(' ')] : []),
    ...(route.med === undefined ? [] : ['med', `${route.med}`]),
  ];
}

/** The client's JSON: attributes by their type codes. */
interface GobgpPath {
  readonly best?: boolean;
  readonly stale?: boolean;
  readonly attrs: readonly {
    readonly type: number;
    readonly nexthop?: string;
    readonly metric?: number;
    readonly communities?: readonly number[];
    readonly value?: unknown;
    readonly as_paths?: readonly { readonly asns: readonly number[] }[];
  }[];
}

function parseRoute(rib: Readonly<Record<string, readonly GobgpPath[]>>): SeenRoute | undefined {
  const paths = Object.values(rib)[0] ?? [];
  const path = paths.find(({ best }) => best) ?? paths[0];
  if (!path) return undefined;
  const attribute = (type: number) => path.attrs.find((each) => each.type === type);
  // Each attribute's value as the client writes it.
  const value = <T>(type: number) => attribute(type)?.value as T | undefined;
  const targets = value<{ type: number; subtype: number; value: string }[]>(16) ?? [];
  const large = value<{ ASN: number; LocalData1: number; LocalData2: number }[]>(32) ?? [];
  return {
    nextHop: attribute(14)?.nexthop ?? attribute(3)?.nexthop ?? '',
    asPath: (attribute(2)?.as_paths ?? []).flatMap(({ asns }) => asns).join(' '),
    communities: (attribute(8)?.communities ?? []).map((each) => `${each >>> 16}:${each & 0xffff}`).sort(),
    routeTargets: targets.map((each) => each.value).sort(),
    largeCommunities: large.map((each) => `${each.ASN}:${each.LocalData1}:${each.LocalData2}`).sort(),
    med: attribute(4)?.metric,
    localPref: value<number>(5),
    originatorId: value<string>(9),
    clusterList: value<string[]>(10),
    stale: path.stale,
  };
}
