// The image through the chart on real nodes: installed it makes nodes ready, upgraded it restarts nothing, uninstalled it leaves nothing.
import { beforeAll, expect, it } from 'vitest';
import { apply, kubectl, onNode } from './commands.ts';
import { ctl } from './footprint.ts';
import { installRelease, releaseNamespace, uninstallRelease, upgradeRelease } from './release.ts';
import { addressOf, deletePods, denyAll, pod, startPods, useCluster } from './shared.ts';
import { connectFrom } from './traffic.ts';

const nodes = ['n1', 'n2'];
const ours = ['-n', releaseNamespace];
const connects = async (from: string, to: string) => (await connectFrom(from, `${await addressOf(to)}:8080`)).connected;
/** Name and restarts of every pod of ours but the migrations'. */
const ourPods = () =>
  kubectl([
    ...[...ours, 'get', 'pods', '-l', 'app.kubernetes.io/name!=caracal-migrate', '--no-headers'],
    ...['-o', 'custom-columns=NAME:.metadata.name,RESTARTS:.status.containerStatuses[*].restartCount'],
  ]);

beforeAll(useCluster);

it('makes the nodes ready, and takes its taint off', async () => {
  await kubectl(['wait', 'node', '--all', '--for=condition=NetworkUnavailable=false', '--timeout=10s']);
  expect(await kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].spec.taints}'])).not.toContain('caracal.network');
  await kubectl(['wait', 'caracalstatus/default', '--for=condition=Available', '--timeout=60s']);
});

it('shows pools with what of them is used', async () => {
  const [head, row] = (await kubectl(['get', 'ippools'])).split('\n');
  expect(head!.split(/\s{2,}/)).toEqual([
    ...['NAME', 'CIDR', 'BLOCK SIZE', 'NAT', 'ENCAPSULATION', 'USED', 'CAPACITY', 'READY', 'AGE'],
  ]);
  expect(row).toMatch(/^default +10\.244\.0\.0\/16 +26 +true +None +\d+ +65536 +True /);
});

it('gives pods addresses, routes between nodes, and the policy that the API server has', async () => {
  const serve = ['netexec', '--http-port=8080'];
  await startPods(pod('a', 'n1', serve), pod('b', 'n2', serve));
  await expect.poll(() => connects('a', 'b'), { timeout: 20_000 }).toBe(true);
  await apply(denyAll('b'));
  await expect.poll(() => connects('a', 'b'), { timeout: 20_000 }).toBe(false);
  expect(await ctl('policy', 'explain', '--from', 'default/a', '--to', 'default/b', '--port', '8080')).toMatch(
    /: DENIED$/m,
  );
  await kubectl(['delete', 'networkpolicy', 'deny-b']);
  await expect.poll(() => connects('a', 'b'), { timeout: 20_000 }).toBe(true);
});

it('is told of by caracalctl with a kubeconfig', async () => {
  const { nodes: list }: { nodes: { name: string; connected: boolean }[] } = JSON.parse(
    await ctl('node', 'status', '-o', 'json'),
  );
  expect(list.map(({ name, connected }) => [name, connected])).toEqual(nodes.map((name) => [name, true]));
});

it('an upgrade over itself restarts nothing and keeps the certificates', async () => {
  const secret = () => kubectl([...ours, 'get', 'secret', 'caracal-hub-tls', '-o', 'jsonpath={.data}']);
  const before = [await ourPods(), await secret()];
  await upgradeRelease();
  expect([await ourPods(), await secret()]).toEqual(before);
});

it('uninstalled it leaves the nodes clean, and pools to whoever deletes them; installed again it works', async () => {
  await deletePods('a', 'b');
  await uninstallRelease();
  for (const name of nodes) {
    const left = await Promise.all([
      onNode(name, 'ip', '-N', 'route', 'show', 'proto', '201'),
      onNode(name, 'ip', '-N', 'route', 'show', 'proto', '202'),
      onNode(name, 'ip', '-o', 'link', 'show', 'type', 'veth'),
      onNode(name, 'iptables-nft-save'),
      onNode(name, 'ip6tables-nft-save'),
      onNode(name, 'ipset', 'list', '-n'),
      onNode(name, 'ls', '-A', '/etc/cni/net.d', '/opt/cni/bin', '/var/lib/caracal', '/run/caracal'),
    ]);
    expect(left.slice(0, 2)).toEqual(['', '']);
    for (const text of left) expect(text.replaceAll(/\/(run|lib)\/caracal/g, '')).not.toContain('cara');
  }
  expect(await kubectl(['get', 'ippools', '-o', 'name'])).toBe('ippool.caracal.network/default');

  await installRelease(nodes.length);
  await kubectl(['wait', 'node', '--all', '--for=condition=Ready', '--timeout=120s']);
  // The pods that lost their network are replaced.
  await kubectl(['rollout', 'restart', 'daemonset/greeter']);
  await kubectl(['rollout', 'status', 'daemonset/greeter', '--timeout=180s']);
}, 600_000);
