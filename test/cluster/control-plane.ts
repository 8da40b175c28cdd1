// etcd and kube-apiserver: a real Kubernetes API without nodes, as the operator's tests use it, and the head of the cluster.
//
// Set up as an installer sets it up: TLS is verified in both directions, RBAC and the Node authorizer decide, ServiceAccount
// admission and NodeRestriction are on. So what passes here has the rights that it claims to need, and no more.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { binaryPath, ensureBinaries } from './build.ts';
import { certificate, createPki, issue, serviceAccountKey, writeKubeconfig } from './credentials.ts';
import { endProcess, startProcess, waitUntilReady } from './processes.ts';

export interface ControlPlaneOptions {
  /** State and data; without it a temporary folder that `stop` removes. */
  readonly folder?: string;
  /** Path of the network namespace to run in; without it this process' own. */
  readonly netns?: string;
  /** The API server listens here alone; it must exist in the namespace. */
  readonly address?: string;
  /** By default a free port (6443 in a namespace of its own). */
  readonly port?: number;
  readonly serviceCidr?: string;
  /** Outlive this process. */
  readonly detached?: boolean;
}

export interface ControlPlane {
  /** Path of the administrator's kubeconfig (group system:masters). */
  readonly kubeconfig: string;
  /** Such as https://127.0.0.1:6443. */
  readonly url: string;
  readonly folder: string;
  /** Runs kubectl as the administrator and answers with its standard output; rejects with its error. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Ends both in order and removes a temporary folder. */
  stop(): Promise<void>;
  /** SIGKILL, to the API server alone or to etcd too; what was acknowledged is on disk. */
  kill(which?: 'apiserver' | 'both'): Promise<void>;
  /** Starts what does not run, with the same data, address and credentials; resolves when the API server is ready. */
  start(): Promise<void>;
  /** The API server goes in order and comes back. */
  restart(): Promise<void>;
}

/** Starts both and resolves when the API server is ready. Builds the programs first when the cache lacks them. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  await ensureBinaries(['etcd', 'kube-apiserver', 'kubectl']);
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'caracal-apiserver-')));
  const address = options.address ?? '127.0.0.1';
  const [port, etcdPort, peerPort] = options.netns
    ? [options.port ?? 6443, 2379, 2380]
    : await freePorts(options.port ? [options.port] : []);
  const url = `https://${address}:${port}`;
  const serviceCidr = options.serviceCidr ?? '10.96.0.0/16';

  await createPki(folder);
  await issue(folder, {
    name: 'kube-apiserver',
    commonName: 'kube-apiserver',
    organization: 'kubernetes',
    dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
    ipAddresses: [...new Set([address, '127.0.0.1', firstAddress(serviceCidr)])],
  });
  await issue(folder, {
    name: 'etcd',
    commonName: 'etcd',
    organization: 'etcd',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  });
  // Its group lets the API server ask kubelets for logs and exec; kubelets ask RBAC.
  await issue(folder, { name: 'kubelet-client', commonName: 'kube-apiserver', organization: 'system:masters' });
  const kubeconfig = await writeKubeconfig(folder, url, {
    name: 'admin',
    commonName: 'admin',
    organization: 'system:masters',
  });

  const inside = (command: string, args: readonly string[]) =>
    options.netns
      ? { command: 'nsenter', args: [`--net=${options.netns}`, '--', command, ...args] }
      : { command, args };
  const process = (name: string, command: string, args: readonly string[]) =>
    startProcess({ folder, name, detached: options.detached, ...inside(command, args) });
  const kubectl = async (args: readonly string[], input = '') => {
    const run = inside(binaryPath('kubectl'), ['--kubeconfig', kubeconfig, ...args]);
    return (await execa(run.command, run.args, { input })).stdout;
  };
  const start = async () => {
    await process('etcd', binaryPath('etcd'), etcdArguments(folder, etcdPort!, peerPort!));
    const args = apiServerArguments(folder, address, port!, etcdPort!, serviceCidr);
    await process('kube-apiserver', binaryPath('kube-apiserver'), args);
    const ready = () =>
      kubectl(['get', '--raw', '/readyz', '--request-timeout=5s']).then(
        () => true,
        () => false,
      );
    await waitUntilReady(folder, 'kube-apiserver', 'it is ready', ready);
  };
  const stop = async () => {
    await endProcess(folder, 'kube-apiserver', 'SIGTERM');
    await endProcess(folder, 'etcd', 'SIGTERM');
    if (!options.folder) await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    kubeconfig,
    url,
    folder,
    kubectl,
    start,
    stop,
    kill: async (which = 'both') => {
      await endProcess(folder, 'kube-apiserver', 'SIGKILL');
      if (which === 'both') await endProcess(folder, 'etcd', 'SIGKILL');
    },
    restart: async () => {
      await endProcess(folder, 'kube-apiserver', 'SIGTERM');
      await start();
    },
  };
}

function etcdArguments(folder: string, port: number, peerPort: number): string[] {
  const { ca, cert, key } = certificate(folder, 'etcd');
  const client = `https://127.0.0.1:${port}`;
  const peer = `https://127.0.0.1:${peerPort}`;
  const tls = (prefix: string) => [
    `--${prefix}cert-file=${cert}`,
    `--${prefix}key-file=${key}`,
    `--${prefix}trusted-ca-file=${ca}`,
    `--${prefix}client-cert-auth`,
  ];
  return [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    ...tls(''),
    ...tls('peer-'),
  ];
}

function apiServerArguments(folder: string, address: string, port: number, etcdPort: number, cidr: string): string[] {
  const server = certificate(folder, 'kube-apiserver');
  const etcd = certificate(folder, 'etcd');
  const kubelet = certificate(folder, 'kubelet-client');
  return [
    `--etcd-servers=https://127.0.0.1:${etcdPort}`,
    `--etcd-cafile=${etcd.ca}`,
    `--etcd-certfile=${etcd.cert}`,
    `--etcd-keyfile=${etcd.key}`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    `--secure-port=${port}`,
    `--tls-cert-file=${server.cert}`,
    `--tls-private-key-file=${server.key}`,
    `--client-ca-file=${server.ca}`,
    `--kubelet-certificate-authority=${kubelet.ca}`,
    `--kubelet-client-certificate=${kubelet.cert}`,
    `--kubelet-client-key=${kubelet.key}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--service-cluster-ip-range=${cidr}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${serviceAccountKey(folder)}`,
    `--service-account-key-file=${serviceAccountKey(folder)}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--anonymous-auth=false',
    '--allow-privileged=true',
    // Of an API server on loopback nobody connects to the `kubernetes` Service.
    ...(address.startsWith('127.') ? ['--endpoint-reconciler-type=none'] : []),
  ];
}

/** Three different ports: those given, filled up with free ones. */
async function freePorts(given: readonly number[]): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: 3 - given.length }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return [...given, ...ports];
}

/** Of a service range the API server takes the first address: 10.96.0.0/16 → 10.96.0.1. */
function firstAddress(cidr: string): string {
  return cidr.replace(/\d+\/\d+$/, '1');
}
