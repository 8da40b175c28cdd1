// Programs of a test in the network of a pod of the cluster (namespace default), or in a network namespace by its path.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { execa } from 'execa';
import { kubectl, onNode } from './commands.ts';

/** A pod's name, or the path of a network namespace. */
export type Place = string;

/** As a lab offers it for its own places. */
export const clusterPlaces = {
  async exec(place: Place, command: string, args: readonly string[], options: { readonly input?: string } = {}) {
    const result = await execa('nsenter', [await network(place), '--', command, ...args], {
      ...options,
      reject: false,
    });
    return { code: result.exitCode ?? 1, stdout: result.stdout, stderr: result.stderr };
  },
  async spawn(
    place: Place,
    command: string,
    args: readonly string[],
    options: SpawnOptions = {},
  ): Promise<ChildProcess> {
    return spawn('nsenter', [await network(place), '--', command, ...args], options);
  },
};

async function network(place: Place): Promise<string> {
  if (place.startsWith('/')) return `--net=${place}`;
  const path = 'jsonpath={.spec.nodeName} {.status.containerStatuses[0].containerID}';
  const [node, id] = (await kubectl(['get', 'pod', place, '-o', path])).split(' ');
  const container = id!.replace('containerd://', '');
  const tasks = await onNode(node!, 'ctr', '--namespace', 'k8s.io', 'task', 'ls');
  const pid = tasks
    .split('\n')
    .find((line) => line.startsWith(container))
    ?.split(/\s+/)[1];
  if (!pid) throw new Error(`pod ${place}: its container ${container} does not run on ${node}`);
  return `--net=/proc/${pid}/ns/net`;
}
