// etcd and kube-apiserver: a real Kubernetes API without nodes, as the operator's tests use it, and the head of the cluster.
//
// Set up as an installer sets it up: TLS is verified in both directions, RBAC and the Node authorizer decide, ServiceAccount
// admission and NodeRestriction are on. So what passes here has the rights that it claims to need, and no more.
import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
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
  const administrator = { name: 'admin', commonName: 'admin', organization: 'system:masters' };
  const choosePorts = async () => {
    const [port, etcdPort, peerPort] = options.netns ? [6443, 2379, 2380] : await freePorts();
    const url = `https://${address}:${port}`;
    return { port, etcdPort, peerPort, url, kubeconfig: await writeKubeconfig(folder, url, administrator) };
  };
  let chosen = await choosePorts();

  const inside = (command: string, args: readonly string[]) =>
    options.netns
      ? { command: 'nsenter', args: [`--net=${options.netns}`, '--', command, ...args] }
      : { command, args };
  const process = (name: string, command: string, args: readonly string[]) =>
    startProcess({ folder, name, detached: options.detached, ...inside(command, args) });
  const kubectl = async (args: readonly string[], input = '') => {
    const run = inside(binaryPath('kubectl'), ['--kubeconfig', chosen.kubeconfig, ...args]);
    return (await execa(run.command, run.args, { input })).stdout;
  };
  const start = async () => {
    await process('etcd', binaryPath('etcd'), etcdArguments(folder, chosen.etcdPort, chosen.peerPort));
    const args = apiServerArguments(folder, address, chosen.port, chosen.etcdPort, serviceCidr);
    await process('kube-apiserver', binaryPath('kube-apiserver'), args);
    const ready = () =>
      kubectl(['get', '--raw', '/readyz', '--request-timeout=5s']).then(
        () => true,
        () => false,
      );
    await waitUntilReady(folder, 'kube-apiserver', 'it is ready', ready);
  };
  const end = async () => {
    await endProcess(folder, 'kube-apiserver', 'SIGTERM');
    await endProcess(folder, 'etcd', 'SIGTERM');
  };
  const stop = async () => {
    await end();
    if (!options.folder) await rm(folder, { recursive: true, force: true });
  };
  for (let attempt = 1; ; attempt++) {
    try {
      await start();
      break;
    } catch (error) {
      await end();
      if (attempt < 5 && !options.netns && (await portWasTaken(folder))) {
        chosen = await choosePorts();
        continue;
      }
      await stop();
      throw error;
    }
  }
  return {
    kubeconfig: chosen.kubeconfig,
    url: chosen.url,
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

/**
 * Three ports that nobody listens on. None is among those that the kernel hands out by itself (from 32768), so
 * no outgoing connection takes one while the API server is away.
 */
async function freePorts(): Promise<[number, number, number]> {
  const ports: number[] = [];
  while (ports.length < 3) {
    const port = randomInt(20_000, 32_768);
    if (!ports.includes(port) && (await isFree(port))) ports.push(port);
  }
  return ports as [number, number, number]; // as many as the loop asks for
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  await new Promise((resolve) => server.close(resolve));
  return free;
}

/** Whether a process of ours ended because another was faster to bind its port. */
async function portWasTaken(folder: string): Promise<boolean> {
  const logs = ['etcd', 'kube-apiserver'].map((name) => readFile(join(folder, 'logs', `${name}.log`), 'utf8'));
  const texts = await Promise.all(logs.map((log) => log.catch(() => '')));
  const taken = texts.some((text) => text.includes('address already in use'));
  if (taken) await rm(join(folder, 'logs'), { recursive: true });
  return taken;
}

/** Of a service range the API server takes the first address: 10.96.0.0/16 → 10.96.0.1. */
function firstAddress(cidr: string): string {
  return cidr.replace(/\d+\/\d+$/, '1');
}
