import { type Bird, startBird } from '../support/bird.ts';
import { connect, createNetns, type Netns } from '../support/netns.ts';
import { createSpeaker, type TestSpeaker } from './speaker.ts';

/** A caracal-bgp and some BIRDs, each BIRD on a link of its own: 10.99.N.0/24 and 2001:db8:99:N::/64, N from 1. */
export interface Fixture {
  readonly netns: Netns;
  readonly speaker: TestSpeaker;
  readonly birds: readonly Bird[];
  readonly birdNetns: readonly Netns[];
  /** The kernel's routes in the speaker's namespace that are neither connected nor link-local. */
  kernelRoutes(): Promise<string[]>;
  remove(): Promise<void>;
}

export async function createFixture(birdConfigs: readonly string[]): Promise<Fixture> {
  const netns = await createNetns('spk');
  const speaker = createSpeaker(netns);
  const birdNetns: Netns[] = [];
  const birds: Bird[] = [];
  const remove = async () => {
    await speaker.remove();
    for (const bird of birds) await bird.stop();
    for (const one of [...birdNetns, netns]) await one.remove();
  };
  try {
    for (const [i, config] of birdConfigs.entries()) {
      const other = await createNetns('bird');
      birdNetns.push(other);
      await connect(
        { netns, interface: `eth${i + 1}`, address: `10.99.${i + 1}.1/24` },
        { netns: other, interface: 'eth0', address: `10.99.${i + 1}.2/24` },
      );
      // Without duplicate address detection, so that the addresses can be used at once.
      await netns.run('ip', ['address', 'add', `2001:db8:99:${i + 1}::1/64`, 'dev', `eth${i + 1}`, 'nodad']);
      await other.run('ip', ['address', 'add', `2001:db8:99:${i + 1}::2/64`, 'dev', 'eth0', 'nodad']);
      birds.push(await startBird({ netns: other, config }));
    }
    await speaker.start();
  } catch (error) {
    await remove();
    throw error;
  }
  const kernelRoutes = async () => {
    const texts = [await netns.run('ip', ['route']), await netns.run('ip', ['-6', 'route'])];
    const lines = texts.join('\n').replaceAll(/\n\t/g, ' ').split('\n');
    return lines.map((line) => line.trim()).filter((line) => line !== '' && !line.includes('proto kernel'));
  };
  return { netns, speaker, birds, birdNetns, kernelRoutes, remove };
}

/** A BIRD of link N that announces the routes and takes everything. */
export function birdConfig(options: {
  link: number;
  as: number;
  peerAs: number;
  routes: readonly string[];
  /** Lines for the BGP protocol. */
  extra?: string;
  /** The speaker's address; its IPv4 one on the link when absent. */
  neighbor?: string;
}): string {
  const { link, as, peerAs, routes, extra = '', neighbor = `10.99.${link}.1` } = options;
  const statics = (family: 4 | 6) => {
    const own = routes.filter((route) => route.includes(':') === (family === 6));
    return `protocol static { ipv${family}; ${own.map((route) => `route ${route} blackhole;`).join(' ')} }`;
  };
  return `router id 10.99.${link}.2;
protocol device {}
${statics(4)}
${statics(6)}
protocol bgp caracal {
  local as ${as};
  neighbor ${neighbor} as ${peerAs};
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  ${extra}
  ipv4 { import all; export where source = RTS_STATIC; };
  ipv6 { import all; export where source = RTS_STATIC; };
}
`;
}

/** The configuration of the speaker with a peer for each link. */
export function speakerConfig(options: {
  as: number;
  peers: readonly ({ link: number; as: number } & Record<string, unknown>)[];
  originate?: readonly (string | { prefix: string; communities: string[] })[];
}): unknown {
  return {
    localAs: options.as,
    routerId: '10.99.1.1',
    originate: (options.originate ?? []).map((route) => (typeof route === 'string' ? { prefix: route } : route)),
    peers: options.peers.map(({ link, as, ...rest }) => ({
      name: `bird${link}`,
      peerAddress: `10.99.${link}.2`,
      peerAs: as,
      connectRetrySeconds: 1,
      ...rest,
    })),
  };
}
