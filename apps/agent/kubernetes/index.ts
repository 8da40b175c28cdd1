import { basename, dirname } from 'node:path';
import { kubeApi, type ReflectorObserver, reflect, serviceAccount } from '@caracal/kube';
import type { Logger } from 'pino';
import type { AgentConfig, KubernetesConfig } from '../config.ts';
import type { FeedEntry } from '../feed/entries.ts';
import { guardFiles } from '../ops/guard-files.ts';
import type { PodDirectory } from '../pods/directory.ts';
import { FeedPods } from './feed-pods.ts';
import { followHubAddresses } from './hub-addresses.ts';
import { createNodePods } from './node-pods.ts';
import { createReadiness } from './readiness.ts';

/** The node's part of Kubernetes: its pods, its Node object, where the hubs are. */
export interface KubernetesNode {
  readonly directory: PodDirectory;
  hubAddresses(): readonly string[];
  take(entries: readonly FeedEntry[]): void;
  /** From now on the node is declared ready as soon as nothing stands against it. */
  declareWhenReady(reasons: () => readonly string[]): void;
  stop(): Promise<void>;
}

/**
 *   API server ──▶ pods of this node ─▶ ADD
 *      ▲    └────▶ EndpointSlices ────▶ addresses of the hubs
 *      └── condition, taint ── readiness ─▶ conflist
 */
export function startKubernetes(config: AgentConfig, kubernetes: KubernetesConfig, logger: Logger): KubernetesNode {
  const api = kubeApi(serviceAccount(kubernetes), 'caracal-agent');
  const stopping = new AbortController();
  const running: Promise<void>[] = [];
  const feedPods = new FeedPods(config.nodeName);
  const pods = createNodePods({
    waitMs: kubernetes.podWaitSeconds * 1000,
    fromFeed: (key) => feedPods.get(key),
    onLost: (error) => logger.warn({ reason: error.message }, "this node's pods are not followed: trying again"),
  });
  const hubs = followHubAddresses(config.stateDirectory, logger);

  function follow(path: string, observer: ReflectorObserver): void {
    running.push(reflect(api, observer, { path }, stopping.signal));
  }

  const node = encodeURIComponent(config.nodeName);
  follow(`/api/v1/pods?fieldSelector=spec.nodeName%3D${node}`, pods.observer);
  const { service } = config.hub;
  if (service) {
    const selector = encodeURIComponent(`kubernetes.io/service-name=${service.name}`);
    const slices = `/apis/discovery.k8s.io/v1/namespaces/${service.namespace}/endpointslices`;
    follow(`${slices}?labelSelector=${selector}`, hubs.observer);
  }

  return {
    directory: pods,
    hubAddresses: () => config.hub.addresses ?? hubs.addresses(),
    take: (entries) => feedPods.take(entries),
    declareWhenReady(reasons) {
      const readiness = createReadiness({ api, config: kubernetes, logger, reasons });
      follow(`/api/v1/nodes?fieldSelector=metadata.name%3D${node}`, readiness.observer);
      running.push(readiness.run(stopping.signal));
      const { pluginFolder, conflist } = kubernetes;
      const folders = { pluginFolder, configurationFolder: dirname(conflist), own: basename(conflist) };
      const guard = guardFiles(folders, logger, readiness.again);
      stopping.signal.addEventListener('abort', () => guard.close(), { once: true });
    },
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}
