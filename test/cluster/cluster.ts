// The cluster as a whole: up, down, and what a power cut does to it.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BinaryName, ensureBinaries } from './build.ts';
import { kubectl } from './commands.ts';
import { startControlPlane } from './control-plane.ts';
import { startControllers, startRelays } from './control-plane-parts.ts';
import { exists } from './files.ts';
import { ensureImage } from './image.ts';
import { makeControlPlaneNamespace, makeNodeNamespace, removeNamespace } from './network.ts';
import { endContainers, forgetRuntime, startNode } from './node.ts';
import { endProcess, isRunning, recordedProcesses, waitUntilReady } from './processes.ts';
import { installRelease, startGreeters } from './release.ts';
import { hasRouter, peerWithRouter, removeRouter, startRouter, type TorKind } from './router.ts';
import { ensureSupportImages } from './support-image.ts';
import { controlPlaneAddress, controlPlaneNamespace, namespacePath, node, stateFolder } from './topology.ts';

const needed: BinaryName[] = [
  'etcd',
  'kube-apiserver',
  'kubectl',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubelet',
  'agnhost',
  'helm',
];

export interface UpOptions {
  readonly nodes: number;
  /** No Caracal and no pods: its image alone on the nodes. */
  readonly bare: boolean;
  /** A router that the nodes peer with, and a client behind it. */
  readonly tor: TorKind;
}

/**
 * Starts the cluster; resolves when nodes are ready and pods run on each, or (bare) when the nodes have registered.
 * @throws when one is up already
 */
export async function up({ nodes, bare, tor }: UpOptions, log: (line: string) => void): Promise<void> {
  if (await isUp()) throw new Error('it is up already: `npm run cluster -- status` shows it, `down` ends it');
  if (await exists(stateFolder)) {
    log('Removing what a cluster left that was cut off …');
    await down();
  }
  await ensureBinaries(needed, log);
  const archives = [await ensureSupportImages(), (await ensureImage(log)).archive];
  log(`Starting etcd and kube-apiserver in the namespace ${controlPlaneNamespace} …`);
  await startPlane();
  for (let index = 1; index <= nodes; index++) {
    log(`Starting node ${node(index).name} …`);
    await startNodeAt(index, archives);
  }
  const registered = async () =>
    (await kubectl(['get', 'nodes', '-o', 'name'])).split('\n').filter(Boolean).length >= nodes;
  await waitUntilReady(stateFolder, 'kube-apiserver', `${nodes} nodes have registered`, registered);
  if (tor === 'bird') {
    log('Starting the router and the client behind it …');
    await startRouter(nodes);
  }
  if (bare) return;
  log('Installing the chart …');
  await installRelease(nodes);
  await kubectl(['wait', 'node', '--all', '--for=condition=Ready', '--timeout=120s']);
  if (tor === 'bird') await peerWithRouter(nodes);
  log('Starting a pod on each node …');
  await startGreeters();
}

/** Whether the API server runs. */
export const isUp = (): Promise<boolean> => isRunning(stateFolder, 'kube-apiserver');

/** Starts what is missing of the control plane, with the data that it had. */
async function startPlane(): Promise<void> {
  await makeControlPlaneNamespace();
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  await startControlPlane({
    folder: stateFolder,
    netns: namespacePath(controlPlaneNamespace),
    address: controlPlaneAddress,
    detached: true,
  });
  await startControllers();
  await startRelays();
}

async function startNodeAt(index: number, archives: readonly string[]): Promise<void> {
  await makeNodeNamespace(index);
  await startNode(stateFolder, node(index), archives);
}

/** Ends every process and removes every namespace and the state. */
export async function down(): Promise<void> {
  const nodes = await nodeNames();
  await endEverything(nodes, 'SIGTERM');
  for (const name of nodes) await removeNamespace(`caracal-${name}`);
  await removeRouter();
  await removeNamespace(controlPlaneNamespace);
  await rm(stateFolder, { recursive: true, force: true, maxRetries: 5 });
}

/**
 * What a power cut does: every process of the control plane and of the nodes is gone at once, and with it what the kernels had; disks
 * keep what was written. `powerOn` is the boot after it.
 */
export async function powerOff(): Promise<void> {
  const nodes = await nodeNames();
  await endEverything(nodes, 'SIGKILL');
  for (const name of nodes) {
    await removeNamespace(`caracal-${name}`);
    await forgetRuntime(stateFolder, name);
  }
}

/** Starts the control plane and the nodes again; resolves when they run, not when they are ready. */
export async function powerOn(): Promise<void> {
  await startPlane();
  const indexes = (await nodeNames()).map((name) => Number(name.slice(1)));
  for (const index of indexes) await startNodeAt(index, []);
  if (await hasRouter()) await startRouter(indexes.length);
}

/** As `systemctl restart kubelet` on a node: pods keep running, and a node that was deleted registers anew. */
export async function restartKubelet(name: string): Promise<void> {
  await endProcess(stateFolder, `kubelet-${name}`, 'SIGTERM');
  await startNodeAt(Number(name.slice(1)), []);
}

async function endEverything(nodes: readonly string[], signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const names = await recordedProcesses(stateFolder);
  // Kubelets first, or they start again what is ended here.
  await Promise.all(
    names.filter((name) => name.startsWith('kubelet')).map((name) => endProcess(stateFolder, name, 'SIGKILL')),
  );
  for (const name of nodes) await endContainers(stateFolder, name);
  const holds = (name: string) => name.startsWith('hold');
  const others = names.filter((name) => !holds(name));
  await Promise.all(others.map((name) => endProcess(stateFolder, name, signal)));
  await Promise.all(names.filter(holds).map((name) => endProcess(stateFolder, name, 'SIGKILL')));
}

const nodeNames = () => readdir(join(stateFolder, 'nodes')).catch(() => []);
