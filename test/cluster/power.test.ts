// A power cut takes everything at once, and when power is back the database is not.
import { beforeAll, expect, it } from 'vitest';
import { powerOff, powerOn } from './cluster.ts';
import { apply, kubectl } from './commands.ts';
import { releaseNamespace } from './release.ts';
import { addressOf, deletePods, denyAll, pod, startPods, useCluster } from './shared.ts';
import { connectFrom } from './traffic.ts';

const ours = ['-n', releaseNamespace];
const scaleDatabase = (replicas: number) =>
  kubectl([...ours, 'scale', 'deployment/caracal-postgres-trial', `--replicas=${replicas}`]);
const addresses = () => kubectl(['get', 'pods', '-o', 'jsonpath={.items[*].status.podIP}']);

beforeAll(useCluster);

it('nodes that own blocks run pods without the database; when it is back, all converges', async () => {
  const serve = ['netexec', '--http-port=8080'];
  await startPods(pod('kept-1', 'n1', serve), pod('kept-2', 'n2', serve), pod('shut', 'n2', serve));
  await apply(denyAll('shut'));
  await expect
    .poll(async () => (await connectFrom('kept-1', `${await addressOf('shut')}:8080`)).connected, { timeout: 30_000 })
    .toBe(false);
  await scaleDatabase(0);
  await kubectl([
    ...ours,
    'wait',
    'pod',
    '-l',
    'app.kubernetes.io/name=caracal-postgres-trial',
    '--for=delete',
    '--timeout=60s',
  ]);

  await powerOff();
  await powerOn();
  // Of a node that was away for less than a minute the API server believes what it said last; so what is asked for is new.
  await kubectl(['wait', 'node', '--all', '--for=condition=Ready', '--timeout=180s']);
  await startPods(pod('new-1', 'n1', serve), pod('new-2', 'n2', serve));
  await expect
    .poll(async () => (await connectFrom('new-1', `${await addressOf('kept-2')}:8080`)).connected, { timeout: 120_000 })
    .toBe(true);
  await expect
    .poll(async () => (await connectFrom('new-1', `${await addressOf('new-2')}:8080`)).connected, { timeout: 60_000 })
    .toBe(true);
  expect(await connectFrom('new-1', `${await addressOf('shut')}:8080`)).toMatchObject({ connected: false });

  await scaleDatabase(1);
  for (const workload of [
    'deployment/caracal-postgres-trial',
    'deployment/caracal-hub',
    'deployment/caracal-operator',
    'daemonset/caracal-node',
  ])
    await kubectl([...ours, 'rollout', 'status', workload, '--timeout=180s']);
  await kubectl(['wait', 'caracalstatus/default', '--for=condition=Available', '--timeout=120s']);
  // News of the API server reaches the nodes again.
  await kubectl(['delete', 'networkpolicy', 'deny-shut']);
  await expect
    .poll(async () => (await connectFrom('new-1', `${await addressOf('shut')}:8080`)).connected, { timeout: 60_000 })
    .toBe(true);
  const all = (await addresses()).split(' ');
  expect(new Set(all).size).toBe(all.length);
  await deletePods('kept-1', 'kept-2', 'shut', 'new-1', 'new-2');
}, 900_000);
