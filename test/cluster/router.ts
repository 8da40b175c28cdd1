// A top-of-rack router for the cluster, and a client behind it:
//
//   client ── 172.31.1.0/24 ── tor (BIRD, AS 65000) ══ 172.31.0.0/24, the nodes' bridge
//
// Each node has an AS of its own and peers with the router alone; nodes learn each other's routes from it.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { establishedIn, topOfRackConfiguration } from '../support/top-of-rack.ts';
import { apply, kubectl } from './commands.ts';
import { exists } from './files.ts';
import { ctl } from './footprint.ts';
import { attachToBridge, removeNamespace } from './network.ts';
import { endProcess, startProcess, waitUntilReady } from './processes.ts';
import { controlPlaneAddress, namespacePath, node, stateFolder } from './topology.ts';

export type TorKind = 'bird' | 'none';

/** In the shape in which a lab's status names them. */
export const tor = {
  netns: namespacePath('caracal-tor'),
  address: '172.31.0.2',
  asNumber: 65000,
  birdcSocket: join(stateFolder, 'tor', 'bird.ctl'),
} as const;
export const client = { netns: namespacePath('caracal-client'), address: '172.31.1.2' } as const;
const clientSide = '172.31.1.1';
const name = 'bird';
const asNumberOf = (index: number) => 64512 + index;
const indexes = (nodes: number) => Array.from({ length: nodes }, (_, i) => i + 1);

/** Starts router and client; nothing happens when they are there. */
export async function startRouter(nodes: number): Promise<void> {
  if (!(await exists(tor.netns))) await makeNamespaces();
  const config = join(stateFolder, 'tor', 'bird.conf');
  await mkdir(join(stateFolder, 'tor'), { recursive: true });
  const neighbours = indexes(nodes).map((index) => ({ ...node(index), asNumber: asNumberOf(index) }));
  const { address, asNumber } = tor;
  const families = ['ipv4'] as const;
  await writeFile(
    config,
    topOfRackConfiguration({ address, asNumber, clientInterface: 'client', families, nodes: neighbours }),
  );
  await startProcess({
    folder: stateFolder,
    name,
    detached: true,
    command: 'nsenter',
    args: [`--net=${tor.netns}`, '--', 'bird', '-f', '-c', config, '-s', tor.birdcSocket],
  });
  const answers = () =>
    birdc('show status').then(
      () => true,
      () => false,
    );
  await waitUntilReady(stateFolder, name, 'birdc can talk to it', answers);
}

/** Has the nodes of an installed Caracal peer with the router in place of each other; resolves when every session is established. */
export async function peerWithRouter(nodes: number): Promise<void> {
  const own = (kind: string, objectName: string, spec: object) => ({
    apiVersion: 'caracal.network/v1',
    kind,
    metadata: { name: objectName },
    spec,
  });
  await apply(
    own('BGPPeer', 'tor', { peerIP: tor.address, asNumber: tor.asNumber }),
    ...indexes(nodes).map((index) =>
      own('NodeConfiguration', node(index).name, { bgp: { asNumber: asNumberOf(index) } }),
    ),
    own('BGPConfiguration', 'default', { nodeToNodeMeshEnabled: false }),
  );
  const names = indexes(nodes).map((index) => node(index).name);
  const established = async () => establishedIn(await birdc('show protocols'), names).length === nodes;
  await waitUntilReady(stateFolder, name, 'every node peers with it', established);
}

/** Has the nodes peer with each other again; resolves when they do. */
export async function peerWithoutRouter(nodes: number): Promise<void> {
  const configurations = indexes(nodes).map((index) => `nodeconfiguration/${node(index).name}`);
  await kubectl(['delete', 'bgpconfiguration/default', ...configurations, 'bgppeer/tor', '--ignore-not-found']);
  const meshed = async () => {
    const { peers }: { peers: { name: string; state: string }[] } = JSON.parse(await ctl('bgp', 'peers', '-o', 'json'));
    const established = peers.filter((peer) => peer.name.startsWith('mesh-') && peer.state === 'Established');
    return established.length === nodes * (nodes - 1);
  };
  await waitUntilReady(stateFolder, name, 'the nodes peer with each other', meshed);
}

/** Ends the router and removes both namespaces. */
export async function removeRouter(): Promise<void> {
  await endProcess(stateFolder, name, 'SIGTERM');
  for (const namespace of ['caracal-client', 'caracal-tor']) await removeNamespace(namespace);
}

export const hasRouter = (): Promise<boolean> => exists(tor.netns);

/** What `birdc COMMAND` prints, without its banner. */
export async function birdc(command: string): Promise<string> {
  const { stdout } = await execa('/usr/sbin/birdc', ['-s', tor.birdcSocket, ...command.split(' ')]);
  return stdout.replace(/^BIRD .* ready\.\n/, '');
}

async function makeNamespaces(): Promise<void> {
  const ip = (...args: string[]) => execa('ip', args);
  await attachToBridge('caracal-tor', 'to-tor', tor.address);
  await ip('-n', 'caracal-tor', 'route', 'add', 'default', 'via', controlPlaneAddress);
  await ip('netns', 'add', 'caracal-client');
  const end = ['name', 'eth0', 'netns', 'caracal-client'];
  await ip('link', 'add', ...end, 'type', 'veth', 'peer', 'name', 'client', 'netns', 'caracal-tor');
  await ip('-n', 'caracal-tor', 'address', 'add', `${clientSide}/24`, 'dev', 'client');
  await ip('-n', 'caracal-tor', 'link', 'set', 'client', 'up');
  await ip('-n', 'caracal-client', 'address', 'add', `${client.address}/24`, 'dev', 'eth0');
  for (const link of ['lo', 'eth0']) await ip('-n', 'caracal-client', 'link', 'set', link, 'up');
  await ip('-n', 'caracal-client', 'route', 'add', 'default', 'via', clientSide);
}
