import { addressFromBytes, formatAddress } from '@caracal/net';
import type { Compiler, LocalEndpoint, PolicyDelta } from '@caracal/policy';
import type { FeedItem, Resource } from '@caracal/protocol';
import type { Logger } from 'pino';
import type { FeedChange } from '../feed/feed-state.ts';

/** What enforcement needs of the dataplane: a change in, a promise that resolves when the kernel holds it. */
export interface PolicyTarget {
  update(delta: PolicyDelta): Promise<void>;
}

export interface EnforcementOptions {
  readonly nodeName: string;
  readonly compiler: Compiler;
  readonly dataplane: PolicyTarget;
  readonly logger: Logger;
  /** The kernel holds this revision from now on. */
  onEnforced(revision: bigint): void;
}

/**
 * Joins the feed and the node's own endpoints in the policy compiler, and sees the result into the kernel. Nothing is
 * compiled before a whole state is known: until then the rules of a former run stand.
 */
export interface Enforcement {
  /** Whether a whole state is known, so that a pod may be let in. */
  readonly ready: boolean;
  readonly enforcedRevision: bigint;
  apply(change: FeedChange): void;
  /** Resolves when the kernel enforces the endpoint's policy. */
  addEndpoint(endpoint: LocalEndpoint): Promise<void>;
  /** Resolves when the kernel has forgotten the endpoint. */
  removeEndpoint(id: string): Promise<void>;
}

export function createEnforcement(options: EnforcementOptions): Enforcement {
  const { compiler, dataplane, nodeName, logger } = options;
  let ready = false;
  let enforcedRevision = 0n;
  const reported = new Map<string, string>();

  function reportProblems(): void {
    const problems = compiler.problems();
    const current = new Set<string>();
    for (const { policy, message } of problems) {
      current.add(policy);
      if (reported.get(policy) === message) continue;
      reported.set(policy, message);
      logger.error({ policy }, message);
    }
    for (const policy of reported.keys()) if (!current.has(policy)) reported.delete(policy);
  }

  async function flush(): Promise<void> {
    const delta = compiler.flush();
    reportProblems();
    await dataplane.update(delta);
  }

  return {
    get ready() {
      return ready;
    },
    get enforcedRevision() {
      return enforcedRevision;
    },
    apply({ items, revision }) {
      for (const item of items) applyItem(compiler, item, nodeName);
      ready = true;
      flush().then(
        () => {
          if (revision <= enforcedRevision) return;
          enforcedRevision = revision;
          options.onEnforced(revision);
        },
        (error: Error) =>
          logger.error({ revision: Number(revision) }, `the kernel refused a revision: ${error.message}`),
      );
    },
    async addEndpoint(endpoint) {
      compiler.apply({ type: 'localEndpoint', endpoint });
      if (ready) await flush();
    },
    async removeEndpoint(id) {
      compiler.apply({ type: 'localEndpointRemoved', id });
      if (ready) await flush();
    },
  };
}

/** Passes an item of the feed on. The node's own endpoints are left out: here the journal is the authority. */
function applyItem(compiler: Compiler, { item }: FeedItem, nodeName: string): void {
  switch (item.case) {
    case 'resource':
      if (item.value.kind === 'Pod') compiler.apply({ type: 'pod', pod: podOf(item.value) });
      else compiler.apply({ type: 'resource', resource: resourceOf(item.value) });
      return;
    case 'resourceDeleted': {
      const { kind, namespace, name } = item.value;
      if (kind === 'Pod') compiler.apply({ type: 'podRemoved', key: `${namespace}/${name}` });
      else compiler.apply({ type: 'resourceRemoved', kind, namespace, name });
      return;
    }
    case 'endpoint': {
      const { node, containerId, interface: name, podUid, addresses } = item.value;
      if (node === nodeName) return;
      const texts = addresses.map((bytes) => formatAddress(addressFromBytes(bytes)));
      compiler.apply({ type: 'endpoint', endpoint: { node, containerId, interface: name, podUid, addresses: texts } });
      return;
    }
    case 'endpointDeleted':
      if (item.value.node === nodeName) return;
      compiler.apply({ type: 'endpointRemoved', endpoint: item.value });
      return;
    default:
      return;
  }
}

function resourceOf(resource: Resource) {
  const { kind, name, namespace, uid, labels } = resource;
  return {
    kind,
    metadata: { name, namespace: namespace || undefined, uid, labels },
    spec: JSON.parse(resource.specJson),
  };
}

/** The Pod of a mirrored resource; its spec was written by the hub or the operator from a validated value. */
function podOf(resource: Resource) {
  const { namespace, name, uid, labels } = resource;
  const spec = JSON.parse(resource.specJson) as {
    serviceAccountName?: string;
    ports?: Array<{ name?: string; protocol?: 'TCP' | 'UDP' | 'SCTP'; containerPort: number }>;
  };
  const ports = (spec.ports ?? []).flatMap(({ name: portName, protocol = 'TCP', containerPort }) =>
    portName ? [{ name: portName, protocol, port: containerPort } as const] : [],
  );
  return { key: `${namespace}/${name}`, uid, namespace, labels, serviceAccount: spec.serviceAccountName ?? '', ports };
}
