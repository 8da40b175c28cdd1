import { startBird } from '../bird.ts';
import type { Netns } from '../netns.ts';
import {
  familiesOf,
  is6,
  type NeighborDescription,
  type OwnRoute,
  type Router,
  type RouterDescription,
  type SeenRoute,
} from './description.ts';

export async function startBirdRouter(netns: Netns, description: RouterDescription): Promise<Router> {
  const bird = await startBird({ netns, config: configuration(description) });
  return {
    kind: 'BIRD',
    netns,
    established: async () => {
      const sessions = (await bird.birdc('show protocols')).split('\n').filter((line) => / BGP /.test(line));
      return sessions.every((line) => line.includes('Established'));
    },
    route: async (prefix) => parseRoute(await bird.birdc(`show route all primary ${prefix}`)),
    kill: bird.kill,
    restart: () => bird.restart('-R'),
    client: (...args) => bird.birdc(args.join(' ')),
    stop: bird.stop,
  };
}

function configuration({ as, routerId, neighbors, routes, forwards }: RouterDescription): string {
  const statics = ([4, 6] as const).map((family) => {
    const own = routes.filter(({ prefix }) => is6(prefix) === (family === 6));
    return `protocol static { ipv${family}; ${own.map(staticRoute).join(' ')} }`;
  });
  const kernel = ([4, 6] as const).map(
    (family) =>
      `protocol kernel { persist; graceful restart yes; ipv${family} { export where source = RTS_BGP; import none; }; }`,
  );
  const bfd = neighbors.some((neighbor) => neighbor.bfd)
    ? ['protocol bfd { interface "*" { min rx interval 300 ms; min tx interval 300 ms; multiplier 3; }; }']
    : [];
  return [
    `router id ${routerId};`,
    'protocol device {}',
    ...(forwards ? kernel : []),
    ...bfd,
    ...statics,
    ...neighbors.map((neighbor, index) => session(as, neighbor, index, routes)),
    '',
  ].join('\n');
}

function session(as: number, neighbor: NeighborDescription, index: number, routes: readonly OwnRoute[]): string {
  const { address, as: peerAs, password, reflectorClient, twoOctetAs, bfd, addPaths } = neighbor;
  const options = [
    `local as ${as}`,
    `neighbor ${address} as ${peerAs}`,
    'connect delay time 1',
    'connect retry time 1',
    'error wait time 1, 2',
    'graceful restart yes',
    ...(password ? [`password "${password}"`] : []),
    ...(reflectorClient ? ['rr client'] : []),
    ...(twoOctetAs ? ['enable as4 off'] : []),
    ...(bfd ? ['bfd yes'] : []),
  ];
  const channels = familiesOf(neighbor).map((family) => {
    // A MED that was not set on the way out is not sent to another AS.
    const meds = routes.flatMap(({ prefix, med }) =>
      med !== undefined && is6(prefix) === (family === 6) ? [`if net = ${prefix} then bgp_med = ${med};`] : [],
    );
    const paths = addPaths ? 'add paths on; ' : '';
    return `ipv${family} { ${paths}import all; export filter { ${meds.join(' ')} accept; }; };`;
  });
  return `protocol bgp peer${index} { ${options.join('; ')}; ${channels.join(' ')} }`;
}

function staticRoute(route: OwnRoute): string {
  const pair = (text: string) => text.replaceAll(':', ', ');
  const sets = [
    ...(route.communities ?? []).map((value) => `bgp_community.add((${pair(value)}));`),
    ...(route.routeTargets ?? []).map((value) => `bgp_ext_community.add((rt, ${pair(value)}));`),
    ...(route.largeCommunities ?? []).map((value) => `bgp_large_community.add((${pair(value)}));`),
    ...[...(route.asPath ?? [])].reverse().map((as) => `bgp_path.prepend(${as});`),
  ];
  return `route ${route.prefix} blackhole { ${sets.join(' ')} };`;
}

function parseRoute(text: string): SeenRoute | undefined {
  const attribute = (name: string) => new RegExp(`BGP\\.${name}: ?(.*)`).exec(text)?.[1]?.trim();
  const nextHop = attribute('next_hop');
  if (nextHop === undefined) return undefined;
  const values = (name: string) =>
    [...(attribute(name) ?? '').matchAll(/\(([^)]*)\)/g)].map(([, inside]) => inside.replaceAll(/, ?/g, ':')).sort();
  const number = (name: string) => {
    const value = attribute(name);
    return value === undefined ? undefined : Number(value);
  };
  return {
    nextHop: nextHop.split(' ')[0],
    asPath: attribute('as_path') ?? '',
    communities: values('community'),
    routeTargets: values('ext_community').map((value) => value.replace(/^rt:/, '')),
    largeCommunities: values('large_community'),
    med: number('med'),
    localPref: number('local_pref'),
    originatorId: attribute('originator_id'),
    clusterList: attribute('cluster_list')?.split(' '),
    // A route that is kept has the attribute's flag letter in its brackets.
    stale: /\[[^\]]*\bs\b[^\]]*\]/.test(text) || text.includes('stale'),
  };
}
