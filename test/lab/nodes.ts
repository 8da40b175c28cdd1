// A node: a namespace in which an agent and a caracal-bgp run, with folders of its own for what they keep, and the CNI executable.
import { mkdir } from 'node:fs/promises';
import { installCni } from '@caracal/cni';
import { app } from './commands.ts';
import { credentials } from './pki.ts';
import { accepts, endProcess, isRunning, startProcess, waitUntilReady } from './processes.ts';
import { writeJson } from './state.ts';
import type { NodeTopology, Topology } from './topology.ts';

export type NodeProcess = 'agent' | 'bgp';

const processName = (part: NodeProcess, node: NodeTopology) => `${part}-${node.name}`;

/** What a container runtime writes to the CNI executable's standard input, exactly. */
export const cniConfiguration = (): string => JSON.stringify({ cniVersion: '1.1.0', name: 'caracal', type: 'caracal' });

/** Makes a node's folders, configuration and CNI executables. */
export async function prepareNode(topology: Topology, node: NodeTopology): Promise<void> {
  await mkdir(node.folder, { mode: 0o700 });
  for (const folder of [node.runDirectory, node.stateDirectory]) await mkdir(folder, { mode: 0o700 });
  installCni({ folder: node.cniBin, socketPath: node.socket, spoolDirectory: node.spool });
  await writeJson(node.agentConfig, {
    nodeName: node.name,
    nodeAddress: node.address,
    nodeAddressV6: node.address6,
    stateDirectory: node.stateDirectory,
    runDirectory: node.runDirectory,
    metrics: { socket: node.metricsSocket },
    hub: {
      addresses: [`${topology.hub.address}:${topology.hub.port}`],
      ...credentials(topology, node.name),
    },
  });
}

/** Starts one of a node's processes and waits until its socket accepts connections. */
export async function startNodeProcess(
  topology: Topology,
  node: NodeTopology,
  part: NodeProcess,
  signal?: AbortSignal,
): Promise<void> {
  const name = processName(part, node);
  const socket = part === 'agent' ? node.socket : node.bgpSocket;
  const options =
    part === 'agent'
      ? ['run', '--config', node.agentConfig]
      : ['run', '--socket', node.bgpSocket, '--state', node.bgpState, '--kernel'];
  const [command, ...args] = [...app(part), ...options];
  await startProcess({ lab: topology.name, name, netns: node.netns, command, args });
  await waitUntilReady(topology.name, name, `${socket} accepts connections`, () => accepts(socket), { signal });
}

/** @returns false when it did not run */
export const endNodeProcess = (
  topology: Topology,
  node: NodeTopology,
  part: NodeProcess,
  signal: 'SIGTERM' | 'SIGKILL',
): Promise<boolean> => endProcess(topology.name, processName(part, node), signal);

export const nodeProcessRuns = (topology: Topology, node: NodeTopology, part: NodeProcess): Promise<boolean> =>
  isRunning(topology.name, processName(part, node));
