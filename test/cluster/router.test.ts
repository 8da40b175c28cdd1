// The cluster behind a top-of-rack router: a client there reaches pods and services by their own addresses, as far as policy lets it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, startStream } from '../support/probes.ts';
import { apply, kubectl } from './commands.ts';
import { clusterPlaces } from './places.ts';
import { rollOutAgents } from './release.ts';
import {
  birdc,
  client,
  hasRouter,
  peerWithoutRouter,
  peerWithRouter,
  removeRouter,
  startRouter,
  tor,
} from './router.ts';
import { addressOf, deletePods, pod, startPods, useCluster } from './shared.ts';

const nodes = ['n1', 'n2'];
const clusterIPs = '10.96.0.0/16';
const externalIP = '198.51.100.7';
let wasThere: boolean;

beforeAll(async () => {
  await useCluster();
  wasThere = await hasRouter();
  await startRouter(nodes.length);
  await peerWithRouter(nodes.length);
});
afterAll(async () => {
  await deletePods('web', 'stream');
  const objects = ['networkpolicy/web', 'service/web', 'service/local'];
  await kubectl(['delete', ...objects, '--ignore-not-found']);
  if (wasThere) return void (await announcing({}));
  await peerWithoutRouter(nodes.length);
  await removeRouter();
});

/** Waits so long for what several processes have to agree on. */
const patient = { timeout: 60_000, interval: 500 };

/** Prefixes that BIRD has, each with the nodes that it takes them from. */
async function routes(): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const name of nodes) {
    for (const [, prefix] of (await birdc(`show route protocol ${name}`)).matchAll(/^(\d\S+\/\d+)\s/gm))
      found[prefix!] = [...(found[prefix!] ?? []), name];
  }
  return found;
}

/** Whom `netexec` in a pod sees when the client asks it, or why there is no answer. */
async function seenBy(address: string, port: number): Promise<string> {
  const ask = `const signal = AbortSignal.timeout(2000);
    fetch('http://${address}:${port}/clientip', { signal }).then((answer) => answer.text()).then(
      (text) => console.log(text.split(':')[0]),
      (error) => console.log(error.name === 'TimeoutError' ? 'silent' : (error.cause?.code ?? error.name)))`;
  return (await clusterPlaces.exec(client.netns, process.execPath, ['-e', ask])).stdout.trim();
}

const announcing = (spec: object) =>
  apply({
    apiVersion: 'caracal.network/v1',
    kind: 'BGPConfiguration',
    metadata: { name: 'default' },
    spec: { nodeToNodeMeshEnabled: false, ...spec },
  });
const everything = { serviceClusterIPs: [{ cidr: clusterIPs }], serviceExternalIPs: [{ cidr: '198.51.100.0/24' }] };

const service = (name: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});
const web = (node: string) => pod('web', node, ['netexec', '--http-port=8080']);

/** Of the pods `web`: what may come in. */
const onlyFrom = (ipBlock: object) =>
  apply({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'web' },
    spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from: [{ ipBlock }] }] },
  });

it('is told each block by the node that has it, and kubectl shows the sessions', async () => {
  await startPods(web('n1'));
  const blocks = async () => Object.entries(await routes()).filter(([prefix]) => prefix.endsWith('/26'));
  await expect.poll(async () => (await blocks()).flatMap(([, from]) => from).sort(), patient).toEqual(nodes);
  await expect
    .poll(() => kubectl(['get', 'bgppeers']), patient)
    .toMatch(new RegExp(`^tor +${tor.address} +${tor.asNumber} +2 +2/2 +True `, 'm'));
});

it('routes the client to a pod, which sees the address of the client', async () => {
  const address = await addressOf('web');
  await expect.poll(() => seenBy(address, 8080), patient).toBe(client.address);
});

it('routes the client to a ClusterIP when these are announced, and not otherwise', async () => {
  await apply(service('web', {}));
  const address = await kubectl(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}']);
  expect(Object.keys(await routes())).not.toContain(clusterIPs);
  await announcing(everything);
  await expect.poll(async () => (await routes())[clusterIPs], patient).toEqual(nodes);
  // Which node gets the flow, and so whether the pod sees the client or that node, is the router's choice.
  await expect
    .poll(() => seenBy(address, 80), patient)
    .toMatch(/^(172\.31\.1\.2|172\.31\.0\.1[12]|10\.244\.\d+\.\d+)$/);
  // An address of no service is refused by the node, not sent back to the router.
  expect(await seenBy('10.96.200.200', 80)).toBe('ECONNREFUSED');
});

it('takes an address whose traffic must stay on its node to the node with the pod alone, with the address of the client', async () => {
  await apply(service('local', { type: 'NodePort', externalTrafficPolicy: 'Local', externalIPs: [externalIP] }));
  await expect.poll(async () => (await routes())[`${externalIP}/32`], patient).toEqual(['n1']);
  await expect.poll(() => seenBy(externalIP, 80), patient).toBe(client.address);
  await deletePods('web');
  await expect.poll(async () => (await routes())[`${externalIP}/32`], patient).toBeUndefined();
  await startPods(web('n2'));
  await expect.poll(async () => (await routes())[`${externalIP}/32`], patient).toEqual(['n2']);
  await expect.poll(() => seenBy(externalIP, 80), patient).toBe(client.address);
});

it('lets policy decide by the address of the client, on the way to the pod and through a service', async () => {
  const address = await addressOf('web');
  const both = async () => [await seenBy(address, 8080), await seenBy(externalIP, 80)];
  await onlyFrom({ cidr: '0.0.0.0/0', except: [`${client.address}/32`] });
  await expect.poll(both, patient).toEqual(['silent', 'silent']);
  await onlyFrom({ cidr: `${client.address}/32` });
  await expect.poll(both, patient).toEqual([client.address, client.address]);
  await kubectl(['delete', 'networkpolicy', 'web']);
});

it('hears no more of services from a node that is cordoned', async () => {
  await kubectl(['cordon', 'n1']);
  await expect.poll(async () => (await routes())[clusterIPs], patient).toEqual(['n2']);
  await kubectl(['uncordon', 'n1']);
  await expect.poll(async () => (await routes())[clusterIPs], patient).toEqual(nodes);
});

it('keeps its routes while every agent and speaker is replaced: the client loses no packet', async () => {
  await startPods(pod('stream', 'n1'));
  const server = await startServer(clusterPlaces, 'stream', { tcp: [8080], udp: [8080] });
  const stream = await startStream(clusterPlaces, client.netns, {
    address: await addressOf('stream'),
    udpPort: 8080,
    tcpPort: 8080,
    intervalMs: 10,
    newFlowEveryMs: 100,
  });
  await rollOutAgents();
  const result = await stream.stop();
  console.log(`roll-out under 100 packets a second from behind the router: ${JSON.stringify(result)}`);
  await server.stop();
  expect(result.udp.sent).toBeGreaterThan(500);
  expect([result.udp.lost, result.tcp.lost, result.newFlows.failed]).toEqual([0, 0, 0]);
}, 300_000);
