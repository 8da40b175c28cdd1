// The node's journal is lost, damaged or an old one while pods run: they keep their addresses, and nobody else gets them.
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCniRuntime, type NetworkList } from '../support/cni-runtime.ts';
import { createNetns, type Netns } from '../support/netns.ts';
import { type Lab, type PodRecord, upTemporaryLab } from './index.ts';
import { eventually, uniqueName } from './testing.ts';

let lab: Lab;
let far: PodRecord;
const namespaces = new Map<string, Netns>();
beforeAll(async () => {
  lab = await upTemporaryLab({ name: uniqueName('journal'), nodes: 2, tor: 'none' });
  far = await lab.pod.add({ node: 'n2', name: 'far' });
});
afterAll(async () => {
  for (const netns of namespaces.values()) await netns.remove();
  await lab?.down();
});

const journal = () => join(lab.topology.nodeList[0].stateDirectory, 'ipam.journal');
const reaches = (pod: PodRecord) =>
  eventually(`${pod.name} reaches the other node`, async () => {
    return (await lab.exec(pod.name, 'ping', ['-c1', '-W1', far.ips[0]])).code === 0;
  });
const checked = () =>
  eventually('the journal, the kernel and Postgres agree', async () => (await lab.ctl(['ipam', 'check'])).code === 0);
const holderOf = async (address: string) => (await lab.ctl(['ipam', 'show', '--ip', address])).stdout;
const interfaceOf = async (pod: PodRecord) =>
  (await lab.exec('n1', 'ip', ['route', 'show', pod.ips[0]])).stdout.split(' ')[2];

/** What everything must be like after the agent has come back with whatever journal it found. */
async function standsFor(pods: PodRecord[], fresh: string): Promise<void> {
  for (const pod of pods) await reaches(pod);
  const added = await lab.pod.add({ node: 'n1', name: fresh });
  expect(pods.flatMap(({ ips }) => ips)).not.toContain(added.ips[0]);
  await reaches(added);
  await checked();
  for (const pod of [...pods, added]) expect(await holderOf(pod.ips[0])).toContain(`held by default/${pod.name} on n1`);
  await lab.pod.remove(fresh);
}

it('lost, it is made anew from what hub and kernel know; without a hub the node waits, and its pods run', async () => {
  const pods = [await lab.pod.add({ node: 'n1', name: 'a' }), await lab.pod.add({ node: 'n1', name: 'b' })];
  await checked();
  const [node] = (await lab.status()).nodes;
  const before = await readFile(journal(), 'utf8');
  await lab.agent('n1').kill();
  await lab.hub.kill();
  await rm(journal());
  const starting = lab.agent('n1').start();
  for (const pod of pods) await reaches(pod);
  await lab.hub.start();
  await starting;
  await standsFor(pods, 'c');
  // The same incarnation: the node owns the same blocks, and nothing is stranded.
  const incarnation = (text: string) => /"incarnation":"([^"]+)"/.exec(text)?.[1];
  expect(incarnation(await readFile(journal(), 'utf8'))).toBe(incarnation(before));
  expect((await lab.status()).nodes[0].name).toBe(node.name);
  for (const pod of pods) await lab.pod.remove(pod.name);
  await eventually('nothing is held', async () => (await holderOf(pods[0].ips[0])).includes('held by no pod'));
});

it('damaged in its middle, it is put aside and made anew', async () => {
  const pod = await lab.pod.add({ node: 'n1', name: 'd' });
  await lab.pod.add({ node: 'n1', name: 'e' });
  await lab.pod.remove('e');
  await checked();
  await lab.agent('n1').kill();
  const text = await readFile(journal(), 'utf8');
  await writeFile(journal(), text.replace(`"${pod.ips[0]}"`, '"10.244.77.77"'));
  await lab.agent('n1').start();
  await standsFor([pod], 'f');
  expect(await readFile(`${journal()}.damaged`, 'utf8')).toContain('10.244.77.77');
  await lab.pod.remove('d');
});

it('an old one: what it does not know keeps its address, and is known again when the hub says who it is', async () => {
  await lab.agent('n1').stop();
  await copyFile(journal(), `${journal()}.old`);
  await lab.agent('n1').start();
  const pod = await lab.pod.add({ node: 'n1', name: 'g' });
  await checked();
  await lab.agent('n1').kill();
  await copyFile(`${journal()}.old`, journal());
  await lab.agent('n1').start();
  await standsFor([pod], 'h');
  await lab.pod.remove('g');
  await checked();
});

it('an address that leaked is found and taken back; one that is used is not', async () => {
  const [leaked, used] = [await lab.pod.add({ node: 'n1', name: 'i' }), await lab.pod.add({ node: 'n1', name: 'j' })];
  await checked();
  // Its network namespace goes without a DEL, as when a runtime loses its state.
  await lab.exec('n1', 'ip', ['link', 'del', await interfaceOf(leaked)]);
  const [kept, released] = await Promise.all(
    [used, leaked].map(({ ips }) => lab.ctl(['ipam', 'release', '--ip', ips[0]])),
  );
  expect(kept).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`interface ${await interfaceOf(used)} uses it`),
  });
  expect(released).toMatchObject({ code: 0, stdout: expect.stringContaining('released by node n1') });
  expect(await holderOf(leaked.ips[0])).toContain('held by no pod');
  const { stdout } = await lab.ctl(['ipam', 'history', leaked.ips[0]]);
  expect(stdout).toMatch(/released +n1 +default\/i.*\n.*assigned +n1 +default\/i/);
  for (const name of ['i', 'j']) await lab.pod.remove(name);
});

it('the flows of an address are forgotten when its pod goes', async () => {
  const pod = await lab.pod.add({ node: 'n1', name: 'k' });
  await reaches(pod);
  const flows = async () => (await lab.exec('n1', 'conntrack', ['-L', '-s', pod.ips[0]])).stdout;
  expect(await flows()).toContain(pod.ips[0]);
  await lab.pod.remove('k');
  await eventually('no flow of it is left', async () => (await flows()) === '');
});

const serve = "require('http').createServer((_, answer) => answer.end('here')).listen(80)";
const ours: NetworkList = {
  cniVersion: '1.1.0',
  name: 'caracal',
  plugins: [{ type: 'caracal', capabilities: { portMappings: true } }],
};
const bridged: NetworkList = {
  cniVersion: '1.0.0',
  name: 'bridged',
  plugins: [{ type: 'bridge', bridge: 'br0', isGateway: true, ipam: { type: 'caracal-ipam' } }],
};

it.each(['lost', 'an old one'])(
  '%s, host ports answer still, and nobody gets the addresses that another plugin has given to its interfaces',
  async (what) => {
    const [node] = lab.topology.nodeList;
    const runtime = createCniRuntime({ path: node.netns }, [node.cniBin, '/usr/lib/cni']);
    const container = async (id: string) => {
      const netns = await createNetns('pod');
      namespaces.set(id, netns);
      const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${id}`;
      const capabilities = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] };
      return { id, netns: netns.path, args, ...(id === 'server' && { capabilities }) };
    };
    const addressOf = ({ ips }: { ips: readonly { address: string }[] }) => ips[0].address.split('/')[0];
    const shown = async (address: string) => (await lab.ctl(['ipam', 'show', '--ip', address])).stdout;
    const answers = async () =>
      (await lab.exec('n2', 'curl', ['-s', '--max-time', '2', `http://${node.address}:8080`])).stdout === 'here';

    await copyFile(journal(), `${journal()}.old`);
    const server = await container('server');
    namespaces.get('server')?.spawn(process.execPath, ['-e', serve]);
    const served = await runtime.add(ours, server);
    const inBridge = await container('in-bridge');
    const result = await runtime.add(bridged, inBridge);
    const [address, gateway] = [addressOf(result), result.ips[0].gateway ?? ''];
    await eventually('the port answers', answers);
    await eventually('the hub knows the address of the bridge', async () =>
      (await shown(address)).includes('held by default/in-bridge on n1, interface eth0'),
    );
    expect(await shown(gateway)).toContain('held by the gateway of network bridged on n1');

    await lab.agent('n1').kill();
    if (what === 'lost') await rm(journal());
    else await copyFile(`${journal()}.old`, journal());
    await lab.agent('n1').start();
    expect(await answers()).toBe(true);
    await eventually('the hub is told', async () => (await lab.ctl(['ipam', 'check'])).code === 0);
    expect(await answers()).toBe(true);
    await runtime.check(ours, server, served);
    await runtime.gc(ours, [{ containerID: server.id, ifname: 'eth0' }]);
    expect(await answers()).toBe(true);
    expect(await shown(address)).toContain('held by default/in-bridge on n1');
    const next = await container('next');
    const second = await runtime.add(bridged, next);
    expect(second.ips[0].gateway).toBe(gateway);
    expect([address, gateway, addressOf(served)]).not.toContain(addressOf(second));

    // Asked back as leaked: what a container still has stays, what one had that is gone is free again.
    await namespaces.get('next')?.remove();
    const [kept, freed] = await Promise.all(
      [address, addressOf(second)].map((each) => lab.ctl(['ipam', 'release', '--ip', each])),
    );
    expect(kept.stderr).toContain('to interface eth0 of container in-bridge, which is still there');
    expect(freed.stdout).toContain('released by node n1');
    expect((await lab.ctl(['ipam', 'history', addressOf(second)])).stdout).toMatch(
      /released +n1 +default\/next.*\n.*assigned +n1 +default\/next/,
    );
    await runtime.del(ours, server, served);
    expect(await answers()).toBe(false);
    await runtime.del(bridged, inBridge, result);
    for (const netns of namespaces.values()) await netns.remove();
  },
);
