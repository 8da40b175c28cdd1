// The image through the chart on real nodes: installed it makes nodes ready, upgraded it restarts nothing, uninstalled it leaves nothing.
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { binaryPath, ensureBinaries } from './build.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const caracalctl = fileURLToPath(new URL('../../apps/ctl/caracalctl', import.meta.url));
const namespace = 'caracal-system';
const agnhost = 'registry.k8s.io/e2e-test-images/agnhost:2.66.1';

interface Status {
  readonly kubeconfig: string;
  readonly kubectl: string;
  readonly nodes: readonly { readonly name: string; readonly enter: string }[];
}

let status: Status;
const cluster = async (...args: string[]) => (await execa(process.execPath, [main, ...args])).stdout;
const kubectl = async (args: readonly string[], input = '') =>
  (await execa(status.kubectl, ['--kubeconfig', status.kubeconfig, ...args], { input })).stdout;
const helm = async (...args: string[]) =>
  (await execa(binaryPath('helm'), [...args, '--kubeconfig', status.kubeconfig, '--namespace', namespace])).stdout;
const ctl = async (...args: string[]) => (await execa(caracalctl, ['--kubeconfig', status.kubeconfig, ...args])).stdout;
/** Standard output of a command on a node. */
const onNode = async (enter: string, ...command: string[]) => {
  const [nsenter, ...rest] = enter.split(' ');
  return (await execa(nsenter!, [...rest, ...command])).stdout;
};

const values = [
  ...['--set', 'image.pullPolicy=Never', '--set', 'database.trial.enabled=true,database.trial.node=n1'],
  ...['--set-json', 'ipPools=[{"name":"default","spec":{"cidr":"10.244.0.0/16","natOutgoing":true}}]'],
  ...['--wait', '--timeout', '3m'],
];

const pod = (name: string, nodeName: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'c', image: agnhost, imagePullPolicy: 'Never', args: ['netexec', '--http-port=8080'] }],
  },
});
const denyAll = (app: string) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'deny' },
  spec: { podSelector: { matchLabels: { app } }, policyTypes: ['Ingress'] },
});
const apply = (...items: object[]) =>
  kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
const addressOf = (name: string) => kubectl(['get', 'pod', name, '-o', 'jsonpath={.status.podIP}']);
const connects = async (from: string, address: string) => {
  const args = ['exec', from, '--', '/agnhost', 'connect', `${address}:8080`, '--timeout=2s'];
  const { exitCode } = await execa(status.kubectl, ['--kubeconfig', status.kubeconfig, ...args], { reject: false });
  return exitCode === 0;
};
/** Name and restarts of every pod of ours but the migrations'. */
const ourPods = () =>
  kubectl([
    ...['-n', namespace, 'get', 'pods', '-l', 'app.kubernetes.io/name!=caracal-migrate', '--no-headers'],
    ...['-o', 'custom-columns=NAME:.metadata.name,RESTARTS:.status.containerStatuses[*].restartCount'],
  ]);

beforeAll(async () => {
  await ensureBinaries(['helm']);
  await cluster('up', '--nodes', '2');
  status = JSON.parse(await cluster('status', '--json'));
  await helm('install', 'caracal', 'helm', '--create-namespace', ...values);
});
afterAll(() => cluster('down'));

it('makes the nodes ready, and takes its taint off', async () => {
  await kubectl(['wait', 'node', '--all', '--for=condition=Ready', '--timeout=60s']);
  await kubectl(['wait', 'node', '--all', '--for=condition=NetworkUnavailable=false', '--timeout=10s']);
  expect(await kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].spec.taints}'])).not.toContain('caracal.network');
  await kubectl(['wait', 'caracalstatus/default', '--for=condition=Available', '--timeout=60s']);
});

it('gives pods addresses, routes between nodes, and the policy that the API server has', async () => {
  await apply(pod('a', 'n1'), pod('b', 'n2'));
  await kubectl(['wait', 'pod/a', 'pod/b', '--for=condition=Ready', '--timeout=60s']);
  const b = await addressOf('b');
  await expect.poll(() => connects('a', b), { timeout: 20_000 }).toBe(true);
  await apply(denyAll('b'));
  await expect.poll(() => connects('a', b), { timeout: 20_000 }).toBe(false);
  await kubectl(['delete', 'networkpolicy', 'deny']);
  await expect.poll(() => connects('a', b), { timeout: 20_000 }).toBe(true);
});

it('is told of by caracalctl with a kubeconfig', async () => {
  const nodes: { name: string; connected: boolean }[] = JSON.parse(await ctl('node', 'status', '-o', 'json'));
  expect(nodes.map(({ name, connected }) => [name, connected])).toEqual([
    ['n1', true],
    ['n2', true],
  ]);
  expect(await ctl('policy', 'explain', '--from', 'default/a', '--to', 'default/b', '--port', '8080')).toMatch(
    /: allowed/,
  );
});

it('an upgrade over itself restarts nothing and keeps the certificates', async () => {
  const secret = () => kubectl(['-n', namespace, 'get', 'secret', 'caracal-hub-tls', '-o', 'jsonpath={.data}']);
  const before = [await ourPods(), await secret()];
  await helm('upgrade', 'caracal', 'helm', ...values);
  expect([await ourPods(), await secret()]).toEqual(before);
});

it('an agent that is replaced leaves pods their network', async () => {
  await kubectl(['-n', namespace, 'rollout', 'restart', 'daemonset/caracal-node']);
  await kubectl(['-n', namespace, 'rollout', 'status', 'daemonset/caracal-node', '--timeout=120s']);
  await expect.poll(async () => connects('a', await addressOf('b')), { timeout: 30_000 }).toBe(true);
  await apply(pod('c', 'n1'));
  await kubectl(['wait', 'pod/c', '--for=condition=Ready', '--timeout=60s']);
});

it('uninstalled it leaves the nodes clean, and pools to whoever deletes them', async () => {
  await kubectl(['delete', 'pod', 'a', 'b', 'c']);
  await helm('uninstall', 'caracal');
  for (const { enter } of status.nodes) {
    const left = await Promise.all([
      onNode(enter, 'ip', '-o', 'link', 'show', 'type', 'veth'),
      onNode(enter, 'ip', 'route', 'show', 'proto', '201'),
      onNode(enter, 'ip', 'route', 'show', 'proto', '202'),
      onNode(enter, 'iptables-nft-save'),
      onNode(enter, 'ip6tables-nft-save'),
      onNode(enter, 'ipset', 'list', '-n'),
      onNode(enter, 'ls', '-A', '/etc/cni/net.d', '/opt/cni/bin', '/var/lib/caracal', '/run/caracal'),
    ]);
    expect(left.slice(1, 3)).toEqual(['', '']);
    for (const text of left) expect(text.replaceAll(/\/(run|lib)\/caracal/g, '')).not.toContain('cara');
  }
  expect(await kubectl(['get', 'ippools', '-o', 'name'])).toBe('ippool.caracal.network/default');
});
