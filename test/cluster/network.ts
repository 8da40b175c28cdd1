// The cluster's network namespaces: the control plane's, with the bridge that all are on, and one for each node.
import { execa } from 'execa';
import { exists } from './files.ts';
import { controlPlaneAddress, controlPlaneNamespace, namespacePath, node } from './topology.ts';

const ip = (...args: string[]) => execa('ip', args);

/** With the bridge on which every node is. Nothing happens when it is there. */
export async function makeControlPlaneNamespace(): Promise<void> {
  if (await exists(namespacePath(controlPlaneNamespace))) return;
  await ip('netns', 'add', controlPlaneNamespace);
  const inside = (...args: string[]) => ip('-n', controlPlaneNamespace, ...args);
  await inside('link', 'set', 'lo', 'up');
  await inside('link', 'add', 'br0', 'type', 'bridge');
  await inside('address', 'add', `${controlPlaneAddress}/24`, 'dev', 'br0');
  await inside('link', 'set', 'br0', 'up');
}

/** A node's network as it is after a boot: an address, a default route, forwarding. Nothing happens when it is there. */
export async function makeNodeNamespace(index: number): Promise<void> {
  const { namespace, name, address } = node(index);
  if (await exists(namespacePath(namespace))) return;
  await attachToBridge(namespace, `to-${name}`, address);
  await ip('-n', namespace, 'route', 'add', 'default', 'via', controlPlaneAddress);
}

/** A namespace that forwards, with an address on the nodes' bridge, at the port of that name. */
export async function attachToBridge(namespace: string, port: string, address: string): Promise<void> {
  await ip('netns', 'add', namespace);
  const onBridge = ['name', port, 'netns', controlPlaneNamespace];
  await ip('link', 'add', ...onBridge, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  await ip('-n', controlPlaneNamespace, 'link', 'set', port, 'master', 'br0', 'up');
  await ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  await ip('-n', namespace, 'link', 'set', 'lo', 'up');
  await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
  const sysctls = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
  await execa('nsenter', [`--net=${namespacePath(namespace)}`, '--', 'sysctl', '-qw', ...sysctls]);
}

/** With all that a kernel keeps for it: interfaces, routes, rules, sets, connections. */
export async function removeNamespace(namespace: string): Promise<void> {
  if (await exists(namespacePath(namespace))) await ip('netns', 'del', namespace);
}
