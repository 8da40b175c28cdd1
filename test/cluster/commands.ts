// kubectl and helm, spoken to the cluster of this machine.
import { join } from 'node:path';
import { execa } from 'execa';
import { binaryPath } from './build.ts';
import { insideNode } from './node.ts';
import { stateFolder } from './topology.ts';

/** For whoever is on this machine: the API server through the relay on loopback, as an administrator. */
export const kubeconfig = join(stateFolder, 'kubeconfig.kubeconfig');

/** Standard output of kubectl. */
export async function kubectl(args: readonly string[], input = ''): Promise<string> {
  return (await execa(binaryPath('kubectl'), ['--kubeconfig', kubeconfig, ...args], { input })).stdout;
}

/** Creates or updates objects. */
export function apply(...items: object[]): Promise<string> {
  return kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

/** Standard output of helm. */
export async function helm(...args: string[]): Promise<string> {
  return (await execa(binaryPath('helm'), [...args, '--kubeconfig', kubeconfig])).stdout;
}

/** Standard output of a command on a node, in its network and among its files. */
export async function onNode(name: string, ...command: string[]): Promise<string> {
  return (await execa('nsenter', [...(await insideNode(stateFolder, name)), ...command])).stdout;
}
