// Pods and nodes come and go in numbers; what they held is there again.
import { beforeAll, expect, it } from 'vitest';
import { restartKubelet } from './cluster.ts';
import { apply, kubectl } from './commands.ts';
import { type Footprint, footprint } from './footprint.ts';
import { addressOf, deletePods, pod, startPods, useCluster } from './shared.ts';
import { pauseImage } from './topology.ts';
import { connectFrom } from './traffic.ts';

const nodes = ['n1', 'n2'];
let before: Footprint;

beforeAll(async () => {
  await useCluster();
  before = await footprint(nodes);
});

/**
 * Kubelets take sandboxes down after their pods are gone from the API, addresses rest for half a minute then, and once a minute a node
 * gives up the blocks that it can do without.
 */
const patient = { timeout: 420_000, interval: 3000 };

const deployment = (name: string, replicas: number, namespace: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'c', image: pauseImage, imagePullPolicy: 'Never' }],
      },
    },
  },
});

it('300 pods, started and stopped, leave nothing', async () => {
  const started = Date.now();
  // In steps: what starts 300 pods at once on one machine is no node.
  for (const replicas of [100, 200, 300]) {
    await apply(deployment('many', replicas, 'default'));
    await kubectl(['rollout', 'status', 'deployment/many', '--timeout=600s']);
  }
  const list = await kubectl(['get', 'pods', '-l', 'app=many', '-o', 'jsonpath={.items[*].status.podIP}']);
  console.log(`300 pods ready after ${Math.round((Date.now() - started) / 1000)} s`);
  expect(new Set(list.split(' ')).size).toBe(300);
  await kubectl(['delete', 'deployment', 'many', '--cascade=foreground', '--timeout=600s']);
  await expect.poll(() => footprint(nodes), patient).toEqual(before);
}, 1_500_000);

it('a namespace with 50 pods, deleted, leaves nothing', async () => {
  const namespace = 'crowd';
  const isolated = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'among-themselves', namespace },
    spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] },
  };
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await apply(isolated, deployment('crowd', 50, namespace));
  await kubectl(['-n', namespace, 'rollout', 'status', 'deployment/crowd', '--timeout=300s']);
  await kubectl(['delete', 'namespace', namespace, '--timeout=300s']);
  await expect.poll(() => footprint(nodes), patient).toEqual(before);
}, 900_000);

it('a node that is deleted and created again gets its pods a network again', async () => {
  await startPods(pod('stays', 'n1', ['netexec', '--http-port=8080']));
  await kubectl(['delete', 'node', 'n2']);
  // Of a node that is gone the pods are deleted; the kubelet registers anew when it starts.
  await kubectl(['wait', 'pod', '--field-selector=spec.nodeName=n2', '--for=delete', '--timeout=120s', '-A']);
  await restartKubelet('n2');
  await expect
    .poll(() => kubectl(['get', 'node', 'n2', '-o', 'name']).catch(() => ''), { timeout: 60_000, interval: 1000 })
    .toBe('node/n2');
  await kubectl(['wait', 'node/n2', '--for=condition=Ready', '--timeout=180s']);
  await startPods(pod('comes', 'n2'));
  await expect
    .poll(async () => (await connectFrom('comes', `${await addressOf('stays')}:8080`)).connected, { timeout: 60_000 })
    .toBe(true);
  const used = (
    await kubectl(['get', 'pods', '-A', '-o', 'jsonpath={.items[?(@.spec.hostNetwork!=true)].status.podIP}'])
  ).split(' ');
  expect(new Set(used).size).toBe(used.length);
  await deletePods('stays', 'comes');
  await kubectl(['rollout', 'status', 'daemonset/greeter', '--timeout=120s']);
  const counts = ({ addresses, blocks }: Footprint) => ({ addresses, blocks: blocks.length });
  await expect.poll(async () => counts(await footprint(nodes)), patient).toEqual(counts(before));
}, 900_000);
