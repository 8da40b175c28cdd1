// The cluster that the tests of this folder share: the first file that needs it starts it, `npm run test:cluster` ends it.
import { isUp, up } from './cluster.ts';
import { apply, kubectl } from './commands.ts';
import { agnhostImage } from './support-image.ts';

/** Resolves when a cluster of two nodes is up, Caracal installed from the chart, and pods run. */
export async function useCluster(): Promise<void> {
  if (!(await isUp())) await up({ nodes: 2, bare: false, tor: 'none' }, (line) => console.error(line));
}

/** A pod that does nothing until it is told to (`kubectl exec`, or a program of the test in its network). */
export const pod = (name: string, nodeName: string, args: readonly string[] = ['pause']) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 0,
    tolerations: [{ operator: 'Exists' }],
    containers: [{ name: 'c', image: agnhostImage, imagePullPolicy: 'Never', args }],
  },
});

/** Resolves when they are ready. */
export async function startPods(...pods: readonly ReturnType<typeof pod>[]): Promise<void> {
  await apply(...pods);
  await kubectl([
    'wait',
    ...pods.map(({ metadata }) => `pod/${metadata.name}`),
    '--for=condition=Ready',
    '--timeout=120s',
  ]);
}

export const deletePods = (...names: readonly string[]): Promise<string> =>
  kubectl(['delete', 'pod', ...names, '--ignore-not-found', '--timeout=120s']);

export const addressOf = (name: string): Promise<string> =>
  kubectl(['get', 'pod', name, '-o', 'jsonpath={.status.podIP}']);

/** Lets nothing into the pods of an app. */
export const denyAll = (app: string) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: `deny-${app}` },
  spec: { podSelector: { matchLabels: { app } }, policyTypes: ['Ingress'] },
});
