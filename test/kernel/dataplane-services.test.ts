// Traffic from outside to services' addresses, which kube-proxy has translated before our chains see it.
import { noChange } from '@caracal/policy';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestNode, type TestNode, type TestPod } from './dataplane/pod-network.ts';
import { dataplaneIn, endpointOf, rule, tier } from './dataplane/scene.ts';

let node: TestNode;
let pod: TestPod;
let dataplane: ReturnType<typeof dataplaneIn>;

beforeEach(async () => {
  node = await createTestNode();
  pod = await node.addPod('10.65.0.2', 'caraaaaaaaaaaaa');
  await pod.probe.listen('tcp', [80]);
  // The router sends the range here; what is for none of its networks the node would send back.
  await node.outside.netns.run('ip', ['route', 'add', '10.96.0.0/12', 'via', node.address]);
  await node.netns.run('ip', ['route', 'add', 'default', 'via', node.outside.address]);
  // Nothing that the test looks for is held back because there was something like it a moment ago.
  await node.netns.run('sysctl', ['-qw', 'net.ipv4.icmp_ratelimit=0']);
  dataplane = dataplaneIn(node);
  await dataplane.start();
}, 30_000);

afterEach(async () => {
  await dataplane.stop();
  await node.remove();
}, 30_000);

/** As kube-proxy does it for a ClusterIP that is reached from outside, with its only endpoint on this node. */
async function serve(address: string): Promise<void> {
  const nat = (...args: string[]) => node.netns.run('iptables-nft', ['-t', 'nat', ...args]);
  await nat('-A', 'PREROUTING', '-d', address, '-p', 'tcp', '-j', 'MARK', '--or-mark', '0x4000');
  await nat('-A', 'PREROUTING', '-d', address, '-p', 'tcp', '-j', 'DNAT', '--to-destination', `${pod.address}:80`);
  await nat('-A', 'POSTROUTING', '-m', 'mark', '--mark', '0x4000/0x4000', '-j', 'MASQUERADE');
}
const service = { protocol: 'tcp', to: '10.96.0.9', port: 8080 } as const;
const withPolicy = (source: object) => ({
  ...noChange,
  policies: [{ id: 'gnp/web', ingress: [rule({ source })], egress: [] }],
  endpoints: [endpointOf(pod, { ingress: [tier(['gnp/web'])] })],
});

test('policy sees the client, not the service and not the node, whatever kube-proxy makes of the addresses', async () => {
  await serve(service.to);
  await dataplane.setServiceRanges(['10.96.0.0/12']);
  await dataplane.update(withPolicy({ nets: [`${node.outside.address}/32`] }));
  expect(await node.outside.probe.reaches(service)).toBe(true);
  await dataplane.update(withPolicy({ nets: [`${node.address}/32`, '10.96.0.0/12'] }));
  expect(await node.outside.probe.reaches(service)).toBe(false);
});

test('what comes for an address that no service has is refused, not sent back to where it came from', async () => {
  const refused = async () =>
    (await node.outside.netns.try('ping', ['-c', '1', '-W', '1', '10.96.0.10'])).stdout.includes(
      'Destination Port Unreachable',
    );
  await dataplane.update({ ...noChange, endpoints: [endpointOf(pod)] });
  expect(await refused()).toBe(false);
  await dataplane.setServiceRanges(['10.96.0.0/12', 'fd00::/112']);
  expect(await refused()).toBe(true);
  expect(await node.outside.probe.reaches({ protocol: 'tcp', to: pod.address, port: 80 })).toBe(true);
  expect(await dataplane.resync()).toEqual([]);
  await dataplane.setServiceRanges([]);
  expect(await refused()).toBe(false);
});

test('ranges alone are no complete state: the rules of a process before us stand until the policies are known', async () => {
  const rules = async () => {
    const saved = await node.netns.run('iptables-nft-save', ['-t', 'filter']);
    return saved.split('\n').filter((line) => line.startsWith('-A'));
  };
  await dataplane.update(withPolicy({}));
  const before = await rules();
  const next = dataplaneIn(node);
  await next.start();
  await next.setServiceRanges(['10.96.0.0/12']);
  expect(await rules()).toEqual(before);
  await next.update(withPolicy({}));
  const refusal = '-A cara-FORWARD -d 10.96.0.0/12 -j REJECT --reject-with icmp-port-unreachable';
  expect((await rules()).filter((line) => !before.includes(line))).toEqual([refusal]);
  await next.stop();
});
