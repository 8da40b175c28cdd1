// The top-of-rack router: a real BIRD with an eBGP session to every node.
import { writeFile } from 'node:fs/promises';
import { establishedIn, topOfRackConfiguration } from '../support/top-of-rack.ts';
import { run } from './commands.ts';
import { accepts, endProcess, startProcess, waitUntilReady } from './processes.ts';
import type { Topology } from './topology.ts';

const name = 'bird';

function birdConfiguration({ router, nodeList }: Topology): string {
  const { address, asNumber } = router;
  return topOfRackConfiguration({
    address,
    asNumber,
    clientInterface: 'client',
    families: ['ipv4', 'ipv6'],
    nodes: nodeList,
  });
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
  return establishedIn(
    await birdc(topology, 'show protocols'),
    topology.nodeList.map(({ name }) => name),
  );
}
