// What stands around the API server: controllers, the scheduler, and the relays that bring the API to this machine's loopback.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binaryPath } from './build.ts';
import { kubectl } from './commands.ts';
import { certificate, serviceAccountKey, writeKubeconfig } from './credentials.ts';
import { startProcess, waitUntilReady } from './processes.ts';
import {
  apiServer,
  controlPlaneAddress,
  controlPlaneNamespace,
  namespacePath,
  podCidr,
  publicPort,
  stateFolder,
} from './topology.ts';

export async function startControllers(): Promise<void> {
  const { ca } = certificate(stateFolder, 'admin');
  const inside = [`--net=${namespacePath(controlPlaneNamespace)}`, '--'];
  for (const name of ['kube-controller-manager', 'kube-scheduler'] as const) {
    const subject = { name, commonName: `system:${name}`, organization: 'kubernetes' };
    const kubeconfig = await writeKubeconfig(stateFolder, apiServer, subject);
    const own =
      name === 'kube-scheduler'
        ? []
        : [
            `--service-account-private-key-file=${serviceAccountKey(stateFolder)}`,
            `--root-ca-file=${ca}`,
            '--use-service-account-credentials',
            `--cluster-cidr=${podCidr}`,
            '--allocate-node-cidrs=false',
          ];
    const args = [...inside, binaryPath(name), `--kubeconfig=${kubeconfig}`, '--leader-elect=false', ...own];
    await startProcess({ folder: stateFolder, name, detached: true, command: 'nsenter', args });
  }
}

/** Nothing of the cluster is in this machine's own network, so two relays bring the API server to its loopback. */
export async function startRelays(): Promise<void> {
  const relay = fileURLToPath(new URL('./relay.ts', import.meta.url));
  const socket = join(stateFolder, 'apiserver.sock');
  await startProcess({
    folder: stateFolder,
    name: 'relay-inside',
    detached: true,
    command: 'nsenter',
    args: [
      `--net=${namespacePath(controlPlaneNamespace)}`,
      '--',
      process.execPath,
      relay,
      socket,
      `${controlPlaneAddress}:6443`,
    ],
  });
  await startProcess({
    folder: stateFolder,
    name: 'relay',
    detached: true,
    command: process.execPath,
    args: [relay, `127.0.0.1:${publicPort}`, socket],
  });
  await writeKubeconfig(stateFolder, `https://127.0.0.1:${publicPort}`, {
    name: 'kubeconfig',
    commonName: 'admin',
    organization: 'system:masters',
  });
  const ready = () =>
    kubectl(['--request-timeout=10s', 'get', '--raw', '/readyz']).then(
      () => true,
      () => false,
    );
  await waitUntilReady(stateFolder, 'relay', 'the API server answers on loopback', ready, 20_000);
}
