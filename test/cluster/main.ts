// `npm run cluster -- up | status | down`: a real Kubernetes on one machine, all of it inside network namespaces.
import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { type BinaryName, binaryPath, ensureBinaries } from './build.ts';
import { startControlPlane } from './control-plane.ts';
import { certificate, serviceAccountKey, writeKubeconfig } from './credentials.ts';
import { ensureImage } from './image.ts';
import { endContainers, insideNode, startNode } from './node.ts';
import { endProcess, isRunning, recordedProcesses, startProcess, waitUntilReady } from './processes.ts';
import { ensureSupportImages } from './support-image.ts';
import {
  apiServer,
  controlPlaneAddress,
  controlPlaneNamespace,
  namespacePath,
  node,
  podCidr,
  publicPort,
  stateFolder,
} from './topology.ts';

const log = (line: string) => console.error(line);
const ip = (...args: string[]) => execa('ip', args);
const publicKubeconfig = join(stateFolder, 'kubeconfig.kubeconfig');
const kubectl = async (...args: string[]) =>
  (await execa(binaryPath('kubectl'), ['--kubeconfig', publicKubeconfig, '--request-timeout=10s', ...args])).stdout;

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

async function up(nodes: number): Promise<void> {
  const started = Date.now();
  await ensureBinaries(needed, log);
  const support = await ensureSupportImages();
  const image = await ensureImage(log);
  log(`Starting etcd and kube-apiserver in the namespace ${controlPlaneNamespace} …`);
  await makeControlPlaneNamespace();
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const plane = await startControlPlane({
    folder: stateFolder,
    netns: namespacePath(controlPlaneNamespace),
    address: controlPlaneAddress,
    detached: true,
  });
  await startControllers();
  await startRelays();
  for (let index = 1; index <= nodes; index++) {
    log(`Starting node ${node(index).name} …`);
    await makeNodeNamespace(index);
    await startNode(stateFolder, node(index), plane.url, [support, image.archive]);
  }
  const registered = async () =>
    (await kubectl('get', 'nodes', '-o', 'name')).split('\n').filter(Boolean).length >= nodes;
  await waitUntilReady(stateFolder, 'kube-apiserver', `${nodes} nodes have registered`, registered);
  log(`Up after ${Math.round((Date.now() - started) / 1000)} s. export KUBECONFIG=${publicKubeconfig}`);
}

async function makeControlPlaneNamespace(): Promise<void> {
  if (await exists(namespacePath(controlPlaneNamespace))) return;
  await ip('netns', 'add', controlPlaneNamespace);
  const inside = (...args: string[]) => ip('-n', controlPlaneNamespace, ...args);
  await inside('link', 'set', 'lo', 'up');
  await inside('link', 'add', 'br0', 'type', 'bridge');
  await inside('address', 'add', `${controlPlaneAddress}/24`, 'dev', 'br0');
  await inside('link', 'set', 'br0', 'up');
}

async function makeNodeNamespace(index: number): Promise<void> {
  const { namespace, name, address } = node(index);
  if (await exists(namespacePath(namespace))) return;
  await ip('netns', 'add', namespace);
  const port = ['name', `to-${name}`, 'netns', controlPlaneNamespace];
  await ip('link', 'add', ...port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  await ip('-n', controlPlaneNamespace, 'link', 'set', `to-${name}`, 'master', 'br0', 'up');
  await ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  await ip('-n', namespace, 'link', 'set', 'lo', 'up');
  await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
  await ip('-n', namespace, 'route', 'add', 'default', 'via', controlPlaneAddress);
  const sysctls = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
  await execa('nsenter', [`--net=${namespacePath(namespace)}`, '--', 'sysctl', '-qw', ...sysctls]);
}

async function startControllers(): Promise<void> {
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
async function startRelays(): Promise<void> {
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
    kubectl('get', '--raw', '/readyz').then(
      () => true,
      () => false,
    );
  await waitUntilReady(stateFolder, 'relay', 'the API server answers on loopback', ready, 20_000);
}

async function down(): Promise<void> {
  const nodes = await readdir(join(stateFolder, 'nodes')).catch(() => []);
  const names = await recordedProcesses(stateFolder);
  // Kubelets first, or they start again what is ended here.
  await Promise.all(
    names.filter((name) => name.startsWith('kubelet')).map((name) => endProcess(stateFolder, name, 'SIGKILL')),
  );
  for (const name of nodes) await endContainers(stateFolder, name);
  const holds = (name: string) => name.startsWith('hold');
  const others = names.filter((name) => !holds(name));
  await Promise.all(others.map((name) => endProcess(stateFolder, name, 'SIGTERM')));
  await Promise.all(names.filter(holds).map((name) => endProcess(stateFolder, name, 'SIGKILL')));
  for (const namespace of [...nodes.map((name) => `caracal-${name}`), controlPlaneNamespace]) {
    if (await exists(namespacePath(namespace))) await ip('netns', 'del', namespace);
  }
  await rm(stateFolder, { recursive: true, force: true, maxRetries: 5 });
}

async function status(json: boolean): Promise<void> {
  const running = await isRunning(stateFolder, 'kube-apiserver');
  const nodes: { name: string; ready: boolean; enter: string }[] = [];
  if (running) {
    const list: NodeList = JSON.parse(await kubectl('get', 'nodes', '-o', 'json'));
    for (const { metadata, status } of list.items) {
      const ready = status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
      const enter = `nsenter ${(await insideNode(stateFolder, metadata.name)).join(' ')}`;
      nodes.push({ name: metadata.name, ready, enter });
    }
  }
  const report = { running, kubeconfig: publicKubeconfig, kubectl: binaryPath('kubectl'), state: stateFolder, nodes };
  if (json) console.log(JSON.stringify(report, null, 2));
  else if (!running) console.log('No cluster is running: start one with `npm run cluster -- up`.');
  else {
    console.log(`export KUBECONFIG=${publicKubeconfig}`);
    for (const { name, ready, enter } of nodes) console.log(`${name}  ${ready ? 'Ready' : 'NotReady'}  ${enter}`);
  }
}

interface NodeList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

const usage = `Usage: npm run cluster -- up [--nodes COUNT] | status [--json] | down
A real Kubernetes on one machine, all of it inside network namespaces.
  up      build what is missing, start the control plane and the nodes (2), give each the image
  status  the kubeconfig, the nodes, and how to enter one
  down    end everything and remove its state`;

async function run(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      nodes: { type: 'string', default: '2' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return console.log(usage);
  const nodes = Number(values.nodes);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 9)
    throw new Error(`--nodes ${values.nodes}: 1 to 9 are possible`);
  if (positionals.length === 1 && positionals[0] === 'up') return up(nodes);
  if (positionals.length === 1 && positionals[0] === 'status') return status(values.json);
  if (positionals.length === 1 && positionals[0] === 'down') return down();
  throw new Error(`'${positionals.join(' ')}' is none of its commands\n${usage}`);
}

await run().catch((error: Error) => {
  console.error(`cluster: ${error.message}`);
  process.exitCode = 1;
});
