import { chmodSync, writeFileSync } from 'node:fs';
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

/** FRR's daemons without its service: bgpd, zebra where the kernel or BFD is asked for, bfdd where BFD is. */
export async function startFrr(netns: Netns, description: RouterDescription): Promise<Router> {
  const folder = makeTemporaryFolder('frr');
  chmodSync(folder, 0o777);
  const file = join(folder, 'frr.conf');
  writeFileSync(file, frrConfiguration(description));
  writeFileSync(join(folder, 'other.conf'), '');
  const daemons: Daemon[] = [];
  const bfd = description.neighbors.some((neighbor) => neighbor.bfd);
  const client = (...args: string[]) =>
    netns.run('vtysh', ['--vty_socket', folder, ...args.flatMap((command) => ['-c', command])]);

  const run = async (name: 'zebra' | 'bfdd' | 'bgpd', ...extra: string[]) => {
    const common = ['-f', name === 'bgpd' ? file : join(folder, 'other.conf'), '-i', join(folder, `${name}.pid`)];
    // The others run as the user of the package; their listening socket is for vtysh alone.
    const user = [
      ...(name === 'bgpd' ? ['-S'] : []),
      '-A',
      '127.0.0.1',
      '--vty_socket',
      folder,
      '-z',
      join(folder, 'zserv'),
    ];
    const daemon = startDaemon(netns, `/usr/lib/frr/${name}`, [...common, ...user, ...extra]);
    daemons.push(daemon);
    const probe = ['--vty_socket', folder, '-d', name, '-c', 'show version'];
    await answers(name, daemon, async () => (await netns.try('vtysh', probe)).stdout.includes('FRRouting'));
  };
  const start = async (...extra: string[]) => {
    if (description.forwards || bfd) await run('zebra', '-r', '-K', '60');
    if (bfd) await run('bfdd', '--bfdctl', join(folder, 'bfdd.sock'));
    await run('bgpd', ...(description.forwards || bfd ? [] : ['-n']), ...extra);
  };
  const end = async (signal: NodeJS.Signals) => {
    await Promise.all(daemons.splice(0).map((daemon) => daemon.end(signal)));
  };
  const stop = async () => {
    await end('SIGKILL');
    removeTemporaryFolder(folder);
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    kind: 'FRR',
    netns,
    established: async () => {
      // What vtysh prints as JSON.
      const peers = JSON.parse(await client('show bgp neighbors json')) as Record<string, { bgpState?: string }>;
      return description.neighbors.every(({ address }) => peers[address]?.bgpState === 'Established');
    },
    route: async (prefix) =>
      parseRoute(JSON.parse(await client(`show bgp ipv${is6(prefix) ? 6 : 4} unicast ${prefix} json`))),
    kill: () => end('SIGKILL'),
    restart: () => start(),
    client,
    stop,
  };
}

/** Without zebra no next hop would be found usable, hence `-n`, and `network` without a look at the kernel. */
function frrConfiguration({ as, routerId, neighbors, routes, forwards }: RouterDescription): string {
  // With `dont-capability-negotiate` it goes by our capability all the same, and loses AS4_PATH.
  if (neighbors.some((neighbor) => neighbor.twoOctetAs)) throw new Error('FRR cannot do without 4-octet AS numbers');
  const of = (family: 4 | 6) => [
    `address-family ipv${family} unicast`,
    ...routes.flatMap(({ prefix }, i) =>
      is6(prefix) === (family === 6) ? [`network ${prefix} route-map own${i}`] : [],
    ),
    ...neighbors.flatMap((neighbor) => {
      const { address, reflectorClient } = neighbor;
      if (!familiesOf(neighbor).includes(family)) return [`no neighbor ${address} activate`];
      return [
        `neighbor ${address} activate`,
        ...(reflectorClient ? [`neighbor ${address} route-reflector-client`] : []),
        ...(neighbor.addPaths ? [`neighbor ${address} addpath-tx-all-paths`] : []),
      ];
    }),
    'exit-address-family',
  ];
  return [
    `router bgp ${as}`,
    `bgp router-id ${routerId}`,
    'no bgp ebgp-requires-policy',
    'no bgp network import-check',
    'bgp graceful-restart',
    'bgp graceful-restart stalepath-time 60',
    ...(forwards ? ['bgp graceful-restart preserve-fw-state'] : []),
    ...neighbors.flatMap(session),
    ...of(4),
    ...of(6),
    'exit',
    ...routes.flatMap(routeMap),
    '',
  ].join('\n');
}

function session({ address, as, password, bfd }: NeighborDescription): string[] {
  const settings = [
    `remote-as ${as}`,
    'timers connect 1',
    'advertisement-interval 0',
    ...(password ? [`password ${password}`] : []),
    ...(bfd ? ['bfd'] : []),
  ];
  return settings.map((setting) => `neighbor ${address} ${setting}`);
}

function routeMap(route: OwnRoute, index: number): string[] {
  const list = (name: string, values: readonly string[] = []) =>
    values.length > 0 ? [`set ${name} ${values.join(' ')}`] : [];
  return [
    `route-map own${index} permit 10`,
    ...list('community', route.communities),
    ...list('extcommunity rt', route.routeTargets),
    ...list('large-community', route.largeCommunities),
    ...list('as-path prepend', route.asPath?.map(String)),
    ...(route.med === undefined ? [] : [`set metric ${route.med}`]),
    'exit',
  ];
}

/** What `show bgp … PREFIX json` tells of a path. */
interface FrrPath {
  readonly aspath?: { readonly string: string };
  readonly metric?: number;
  readonly locPrf?: number;
  readonly stale?: boolean;
  readonly bestpath?: { readonly overall?: boolean };
  readonly community?: { readonly string: string };
  readonly extendedCommunity?: { readonly string: string };
  readonly largeCommunity?: { readonly string: string };
  readonly originatorId?: string;
  readonly clusterList?: { readonly list: readonly string[] };
  readonly nexthops?: readonly { readonly ip: string; readonly scope?: string }[];
}

function parseRoute({ paths = [] }: { readonly paths?: readonly FrrPath[] }): SeenRoute | undefined {
  const path = paths.find(({ bestpath }) => bestpath?.overall) ?? paths[0];
  if (!path) return undefined;
  const words = (list?: { readonly string: string }) => (list?.string ?? '').split(' ').filter(Boolean).sort();
  const next = path.nexthops?.find(({ scope }) => scope !== 'link-local') ?? path.nexthops?.[0];
  return {
    nextHop: next?.ip ?? '',
    // An empty path reads so.
    asPath: path.aspath?.string.replace(/^Local$/, '') ?? '',
    communities: words(path.community),
    routeTargets: words(path.extendedCommunity).map((word) => word.replace(/^RT:/, '')),
    largeCommunities: words(path.largeCommunity),
    med: path.metric,
    localPref: path.locPrf,
    originatorId: path.originatorId,
    clusterList: path.clusterList?.list,
    stale: path.stale,
  };
}
