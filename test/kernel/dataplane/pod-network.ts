import { openSetSocket, type SetSocket } from '@caracal/netlink';
import { connect, createNetns, type Netns } from '../../support/netns.ts';
import { openIn } from '../../support/open-in.ts';
import { type Prober, startProber } from './prober.ts';

/** A pod of a test: a namespace with one address, routed as Caracal's pods are. */
export interface TestPod {
  readonly netns: Netns;
  /** The host's end. */
  readonly interfaceName: string;
  readonly address: string;
  readonly probe: Prober;
}

/** A node with pods, and a host outside of it. */
export interface TestNode {
  readonly netns: Netns;
  readonly probe: Prober;
  readonly directSets: SetSocket;
  readonly address: string;
  readonly outside: { readonly netns: Netns; readonly probe: Prober; readonly address: string };
  addPod(address: string, interfaceName: string, extraAddresses?: readonly string[]): Promise<TestPod>;
  remove(): Promise<void>;
}

const hostMac = 'ee:ee:ee:ee:ee:ee';

/** The node is 192.0.2.1, the host outside 192.0.2.2 with a route to 10.65.0.0/16 by the node. */
export async function createTestNode(): Promise<TestNode> {
  const made: Netns[] = [];
  const make = async (role: string) => {
    const netns = await createNetns(role);
    made.push(netns);
    return netns;
  };
  const netns = await make('node');
  const out = await make('out');
  await connect(
    { netns, interface: 'uplink', address: '192.0.2.1/24' },
    { netns: out, interface: 'eth0', address: '192.0.2.2/24' },
  );
  await out.run('ip', ['route', 'add', '10.65.0.0/16', 'via', '192.0.2.1']);
  await netns.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  const directSets = openIn(netns, openSetSocket);
  return {
    netns,
    address: '192.0.2.1',
    probe: startProber(netns),
    directSets,
    outside: { netns: out, address: '192.0.2.2', probe: startProber(out) },
    async addPod(address, interfaceName, extraAddresses = []) {
      const pod = await make('pod');
      await connect({ netns, interface: interfaceName, mac: hostMac }, { netns: pod, interface: 'eth0' });
      for (const own of [address, ...extraAddresses]) {
        await pod.run('ip', ['address', 'add', `${own}/32`, 'dev', 'eth0']);
        await netns.run('ip', ['route', 'add', `${own}/32`, 'dev', interfaceName]);
      }
      await pod.run('ip', ['route', 'add', '169.254.1.1', 'dev', 'eth0', 'scope', 'link']);
      await pod.run('ip', ['neighbour', 'add', '169.254.1.1', 'lladdr', hostMac, 'dev', 'eth0', 'nud', 'permanent']);
      await pod.run('ip', ['route', 'add', 'default', 'via', '169.254.1.1', 'src', address]);
      return { netns: pod, interfaceName, address, probe: startProber(pod) };
    },
    async remove() {
      directSets.close();
      for (const each of made.reverse()) await each.remove();
    },
  };
}
