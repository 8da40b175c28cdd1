// One node of the cluster: a network namespace and a mount namespace of its own, with containerd, kubelet and kube-proxy in them.
import { chmod, copyFile, mkdir, readdir, readFile, readlink, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { binaryPath } from './build.ts';
import { certificate, issue, writeKubeconfig } from './credentials.ts';
import { exists } from './files.ts';
import { livePid, startProcess, waitUntilReady } from './processes.ts';
import { apiServer, type Node, namespacePath, pauseImage, podCidr } from './topology.ts';

/** Folders that each node has to itself, by their name in its state folder. */
const ownFolders: Readonly<Record<string, string>> = {
  kubelet: '/var/lib/kubelet',
  containerd: '/var/lib/containerd',
  'containerd-run': '/run/containerd',
  'cni-conf': '/etc/cni/net.d',
  'cni-bin': '/opt/cni/bin',
  'cni-state': '/var/lib/cni',
  run: '/run/caracal',
  state: '/var/lib/caracal',
  'trial-database': '/var/lib/caracal-postgres-trial',
  'log-pods': '/var/log/pods',
  'log-containers': '/var/log/containers',
  netns: '/var/run/netns',
};
/** Those of them that a real node has in memory. */
const inMemory = ['containerd-run', 'run', 'netns'];
const socket = '/run/containerd/containerd.sock';
const cgroupRoot = '/sys/fs/cgroup';

/** Starts a node and resolves when containerd holds the images; it registers by itself soon after. */
export async function startNode(folder: string, node: Node, archives: readonly string[]): Promise<void> {
  const home = join(folder, 'nodes', node.name);
  for (const [name, path] of Object.entries(ownFolders)) {
    await mkdir(join(home, name), { recursive: true });
    await mkdir(path, { recursive: true });
  }
  await installPlugins(join(home, 'cni-bin'));
  await makeCgroups(node.name);
  const kubeconfig = await writeKubeconfig(folder, apiServer, {
    name: `kubelet-${node.name}`,
    commonName: `system:node:${node.name}`,
    organization: 'system:nodes',
  });
  await issue(folder, {
    name: `kubelet-server-${node.name}`,
    commonName: node.name,
    organization: 'caracal-cluster',
    dnsNames: [node.name],
    ipAddresses: [node.address],
  });
  await writeFile(join(home, 'containerd.toml'), containerdConfig());
  await writeFile(join(home, 'kubelet.yaml'), JSON.stringify(kubeletConfig(folder, node), null, 2));
  await writeFile(join(home, 'enter.sh'), enterScript(home));
  await chmod(join(home, 'enter.sh'), 0o700);

  const start = (name: string, command: string, args: readonly string[]) =>
    startProcess({ folder, name: `${name}-${node.name}`, detached: true, command, args });
  await start('hold', 'nsenter', [
    `--net=${namespacePath(node.namespace)}`,
    '--',
    'unshare',
    '--mount',
    join(home, 'enter.sh'),
  ]);
  await waitUntilReady(folder, `hold-${node.name}`, 'its mounts are made', () => exists(join(home, 'entered')));
  const inside = await insideNode(folder, node.name);

  await start('containerd', 'nsenter', [...inside, 'containerd', '--config', join(home, 'containerd.toml')]);
  const ctr = (...args: string[]) =>
    execa('nsenter', [...inside, 'ctr', '--address', socket, ...args], { reject: false });
  await waitUntilReady(
    folder,
    `containerd-${node.name}`,
    'it answers',
    async () => (await ctr('version')).exitCode === 0,
  );
  for (const archive of archives) {
    const imported = await ctr('--namespace', 'k8s.io', 'images', 'import', archive);
    if (imported.exitCode !== 0) throw new Error(`${node.name}: containerd refuses ${archive}: ${imported.stderr}`);
  }
  await start('kubelet', 'nsenter', [
    ...inside,
    binaryPath('kubelet'),
    `--config=${join(home, 'kubelet.yaml')}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
    '--root-dir=/var/lib/kubelet',
  ]);
  const proxy = await writeKubeconfig(folder, apiServer, {
    name: 'kube-proxy',
    commonName: 'system:kube-proxy',
    organization: 'system:node-proxier',
  });
  await start('kube-proxy', 'nsenter', [
    ...inside,
    binaryPath('kube-proxy'),
    `--kubeconfig=${proxy}`,
    `--hostname-override=${node.name}`,
    '--proxy-mode=iptables',
    `--cluster-cidr=${podCidr}`,
    '--conntrack-max-per-core=0',
  ]);
}

/** Ends every process that the node's containers run, however it came to be; the node's own processes end by their records. */
export async function endContainers(folder: string, name: string): Promise<void> {
  const hold = await livePid(folder, `hold-${name}`);
  if (hold !== undefined) {
    const mounts = await readFileLink(`/proc/${hold}/ns/mnt`);
    for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
      const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      if (command.startsWith('containerd-shim') && (await readFileLink(`/proc/${pid}/ns/mnt`)) === mounts) kill(pid);
    }
  }
  for (const hierarchy of await readdir(cgroupRoot)) await emptyCgroup(join(cgroupRoot, hierarchy, name));
}

/** What a node has under /run is gone after a boot, and so is every mount. */
export async function forgetRuntime(folder: string, name: string): Promise<void> {
  const home = join(folder, 'nodes', name);
  await Promise.all([...inMemory, 'entered'].map((entry) => rm(join(home, entry), { recursive: true, force: true })));
}

/** `nsenter` arguments that run a command as on the node. */
export async function insideNode(folder: string, name: string): Promise<string[]> {
  const hold = await livePid(folder, `hold-${name}`);
  if (hold === undefined) throw new Error(`node ${name} is not running: start it with \`npm run cluster -- up\``);
  return ['--target', String(hold), '--net', '--mount', '--'];
}

/** What the chart's installer does not bring: the plugin that every runtime expects. */
async function installPlugins(folder: string): Promise<void> {
  await copyFile('/usr/lib/cni/loopback', join(folder, 'loopback'));
}

/** A cgroup of its own in every v1 hierarchy, or kubelets of two nodes fight over the same pods' cgroups. */
async function makeCgroups(name: string): Promise<void> {
  for (const hierarchy of await readdir(cgroupRoot)) {
    const parent = join(cgroupRoot, hierarchy);
    await mkdir(join(parent, name), { recursive: true });
    // A new cpuset has no processors and no memory, and takes no process until it has.
    for (const file of hierarchy === 'cpuset' ? ['cpuset.cpus', 'cpuset.mems'] : []) {
      await writeFile(join(parent, name, file), await readFile(join(parent, file)));
    }
  }
}

async function emptyCgroup(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await emptyCgroup(join(path, entry.name));
  const processes = await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => '');
  for (const pid of processes.split('\n').filter(Boolean)) kill(pid);
  for (let attempt = 0; attempt < 50 && (await exists(path)); attempt++) {
    await rmdir(path).catch(() => new Promise((resolve) => setTimeout(resolve, 50)));
  }
}

function kill(pid: string): void {
  try {
    process.kill(Number(pid), 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

const readFileLink = (path: string) => readlink(path).catch(() => undefined);

/** Makes the node's folders appear where programs look for them, tells so, and holds both namespaces open. */
function enterScript(home: string): string {
  const binds = Object.entries(ownFolders).map(
    ([name, path]) => `mount --bind '${home}/${name}' '${path}' && mount --make-shared '${path}'`,
  );
  return [
    '#!/bin/sh',
    'set -e',
    // Apart from this machine's mounts; among themselves shared, as on every host, so that containers may see later ones.
    'mount --make-rprivate /',
    'mount --make-rshared /',
    ...binds,
    `: > '${home}/entered'`,
    'exec sleep infinity',
    '',
  ].join('\n');
}

function containerdConfig(): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${pauseImage}"
# Root without CAP_SYS_RESOURCE may not lower a score.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/opt/cni/bin"
conf_dir = "/etc/cni/net.d"
`;
}

function kubeletConfig(folder: string, node: Node): object {
  const server = certificate(folder, `kubelet-server-${node.name}`);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: server.ca } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: server.cert,
    tlsPrivateKeyFile: server.key,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${node.name}`,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    containerRuntimeEndpoint: `unix://${socket}`,
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    maxPods: 250,
    nodeStatusUpdateFrequency: '5s',
    serializeImagePulls: false,
    enforceNodeAllocatable: [],
    localStorageCapacityIsolation: false,
    // Before any pod network, and until the agent says that a pod could start.
    registerWithTaints: [{ key: 'node.caracal.network/not-ready', effect: 'NoSchedule' }],
  };
}
