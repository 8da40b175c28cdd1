// The top-of-rack router: a real BIRD with an eBGP session to every node. It tells each node what the others announced and
// puts everything into its kernel, so that the client behind it reaches pods.
import { writeFile } from 'node:fs/promises';
import { run } from './commands.ts';
import { accepts, endProcess, startProcess, waitUntilReady } from './processes.ts';
import type { Topology } from './topology.ts';

const name = 'bird';

/** The text of bird.conf (BIRD 2). */
function birdConfiguration({ router, nodeList }: Topology): string {
  const sessions = nodeList.map(
    (node) => `protocol bgp ${node.name} from caracal_node { neighbor ${node.address} as ${node.asNumber}; }`,
  );
  return `log stderr all;
router id ${router.address};

protocol device {}

# The client's network is announced to the nodes.
protocol direct client_link {
  ipv4;
  ipv6;
  interface "client";
}

# merge paths: a prefix with several next hops becomes one multipath route.
protocol kernel {
  merge paths on;
  ipv4 { import none; export where source = RTS_BGP; };
}

protocol kernel {
  merge paths on;
  ipv6 { import none; export where source = RTS_BGP; };
}

template bgp caracal_node {
  local ${router.address} as ${router.asNumber};
  direct;
  connect delay time 1;
  connect retry time 2;
  error wait time 1, 4;
  ipv4 { import all; export where source = RTS_BGP || proto = "client_link"; };
  ipv6 { import all; export where source = RTS_BGP || proto = "client_link"; };
}

${sessions.join('\n')}
`;
}

export async function startBird(topology: Topology, signal?: AbortSignal): Promise<void> {
  const { router } = topology;
  await writeFile(router.config, birdConfiguration(topology));
  await startProcess({
    lab: topology.name,
    name,
    netns: router.netns,
    command: 'bird',
    args: ['-f', '-c', router.config, '-s', router.birdcSocket],
  });
  await waitUntilReady(topology.name, name, 'birdc can talk to it', () => accepts(router.birdcSocket), { signal });
}

export const stopBird = (topology: Topology): Promise<boolean> => endProcess(topology.name, name, 'SIGTERM');

/** What `birdc COMMAND` prints, without its banner. */
export async function birdc(topology: Topology, command: string): Promise<string> {
  const { stdout } = await run('birdc', ['-s', topology.router.birdcSocket, ...command.split(' ')]);
  return stdout.replace(/^BIRD .* ready\.\n/, '');
}

/** The nodes with which BIRD's session is Established. */
export async function establishedNodes(topology: Topology): Promise<string[]> {
  const table = await birdc(topology, 'show protocols');
  return topology.nodeList
    .map(({ name }) => name)
    .filter((node) => new RegExp(`^${node}\\s+BGP\\s.*\\sEstablished`, 'm').test(table));
}
