import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeApi } from '@caracal/kube';
import type { Logger } from 'pino';
import { z } from 'zod';

/** What is read of a DaemonSet (apps/v1). */
const daemonSetSchema = z.object({
  metadata: z.object({ generation: z.number() }),
  spec: z.object({
    template: z.object({ spec: z.object({ containers: z.array(z.looseObject({ name: z.string() })) }) }),
  }),
  status: z.object({
    observedGeneration: z.number().default(0),
    desiredNumberScheduled: z.number().default(0),
    updatedNumberScheduled: z.number().default(0),
    numberReady: z.number().default(0),
  }),
});

export interface RetireOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  /** The DaemonSet of the agents. */
  readonly name: string;
  readonly config: string;
  readonly timeoutMs: number;
  readonly logger: Logger;
}

/** Appears in a container of `clean --stay` when the node is clean. */
export const cleanMark = '/tmp/caracal-clean';

const lookEveryMs = 1000;

/**
 * Has every node cleaned, before the release goes: the DaemonSet's pods become ones that clean their node, all at once, and are ready when it is
 * clean. Whether all of them were in time.
 */
export async function retire({ api, namespace, name, config, timeoutMs, logger }: RetireOptions): Promise<boolean> {
  const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets/${name}`;
  const read = async () => daemonSetSchema.parse(await api.request({ method: 'GET', path }));
  const agent = (await read()).spec.template.spec.containers.find((container) => container.name === 'agent');
  if (!agent) throw new Error(`DaemonSet ${namespace}/${name} has no container agent`);
  const { livenessProbe: _probe, ...kept } = agent;
  const cleaner = {
    ...kept,
    args: ['agent', 'clean', '--stay', '--config', config],
    readinessProbe: { exec: { command: ['test', '-e', cleanMark] }, periodSeconds: 1 },
  };
  const body = [
    { op: 'replace', path: '/spec/template/spec/containers', value: [cleaner] },
    { op: 'replace', path: '/spec/template/spec/initContainers', value: [] },
    {
      op: 'replace',
      path: '/spec/updateStrategy',
      value: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '100%' } },
    },
  ];
  await api.request({ method: 'PATCH', path, body, contentType: 'application/json-patch+json' });
  for (const deadline = performance.now() + timeoutMs; ; await sleep(lookEveryMs)) {
    const { metadata, status } = await read();
    const clean =
      status.observedGeneration >= metadata.generation &&
      status.updatedNumberScheduled >= status.desiredNumberScheduled &&
      status.numberReady >= status.desiredNumberScheduled;
    if (clean) {
      logger.info({ nodes: status.numberReady }, 'every node is clean');
      return true;
    }
    if (performance.now() > deadline) {
      const left = status.desiredNumberScheduled - Math.min(status.numberReady, status.updatedNumberScheduled);
      logger.error({ left, of: status.desiredNumberScheduled }, 'not every node was cleaned in time');
      return false;
    }
  }
}
