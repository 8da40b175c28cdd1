// Caracal on the cluster: the chart of this checkout with the image of this checkout, as a user would install them to try.
import { fileURLToPath } from 'node:url';
import { apply, helm, kubectl } from './commands.ts';
import { agnhostImage } from './support-image.ts';
import { podCidr } from './topology.ts';

const chart = fileURLToPath(new URL('../../helm', import.meta.url));
export const releaseNamespace = 'caracal-system';
const pools = JSON.stringify([{ name: 'default', spec: { cidr: podCidr, natOutgoing: true } }]);
const values = [
  ...['--namespace', releaseNamespace, '--wait', '--timeout', '5m'],
  ...['--set', 'image.pullPolicy=Never', '--set', 'database.trial.enabled=true,database.trial.node=n1'],
  ...['--set-json', `ipPools=${pools}`],
];

/** Resolves when every part of the release is ready. On one node there is one hub: hubs have their port on the node itself. */
export async function installRelease(nodes: number): Promise<void> {
  const replicas = nodes === 1 ? ['--set', 'hub.replicas=1,operator.replicas=1'] : [];
  await helm('install', 'caracal', chart, '--create-namespace', ...values, ...replicas);
}

/** An upgrade of the release to what it is already. */
export const upgradeRelease = (...more: string[]): Promise<string> =>
  helm('upgrade', 'caracal', chart, ...values, ...more);

export const uninstallRelease = (): Promise<string> => helm('uninstall', 'caracal', '--namespace', releaseNamespace);

/** Replaces every agent and speaker, node by node; resolves when all are ready. */
export async function rollOutAgents(): Promise<void> {
  const rollout = ['-n', releaseNamespace, 'rollout'];
  await kubectl([...rollout, 'restart', 'daemonset/caracal-node']);
  await kubectl([...rollout, 'status', 'daemonset/caracal-node', '--timeout=180s']);
}

/** A pod on every node that answers with its name, and a Service in front of them; resolves when all are ready. */
export async function startGreeters(): Promise<void> {
  const labels = { app: 'greeter' };
  const container = {
    name: 'greeter',
    image: agnhostImage,
    imagePullPolicy: 'Never',
    args: ['serve-hostname', '--port=8080'],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
  };
  await apply(
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'greeter', namespace: 'default' },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers: [container] } },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'greeter', namespace: 'default' },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] },
    },
  );
  await kubectl(['rollout', 'status', 'daemonset/greeter', '--timeout=180s']);
}
