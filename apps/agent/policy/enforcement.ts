import { addressFromBytes, type Family, familyOf, formatAddress } from '@caracal/net';
import type { Compiler, LocalEndpoint, PolicyDelta } from '@caracal/policy';
import type { FeedItem, Resource } from '@caracal/protocol';
import type { Logger } from 'pino';
import type { FeedChange } from '../feed/feed-state.ts';

/** What enforcement needs of the dataplane: a change in, a promise that resolves when the kernel holds it. */
export interface PolicyTarget {
  update(delta: PolicyDelta, family: Family): Promise<void>;
}

export interface EnforcementOptions {
  readonly nodeName: string;
  createCompiler(family: Family): Compiler;
  readonly dataplane: PolicyTarget;
  readonly logger: Logger;
  /** IPv6 has come into use in the middle of a stream: what was said before is needed once more. */
  onSnapshotWanted(): void;
  /** The kernel holds this revision from now on. */
  onEnforced(revision: bigint): void;
}

/**
 * Joins the feed and the node's own endpoints in the policy compilers, and sees the results into the kernel. Nothing is
 * compiled before a whole state is known: until then the rules of a former run stand. IPv6 has a compiler from when a pool or a pod has
 * it; it costs as much memory as that of IPv4.
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
  const { dataplane, nodeName, logger } = options;
  let ready = false;
  let enforcedRevision = 0n;
  const reported = new Map<string, string>();
  const locals = new Map<string, LocalEndpoint>();
  const ipv4 = options.createCompiler(4);
  let ipv6: Compiler | undefined;
  /** Whether IPv6 has been told everything. */
  let ipv6Complete = false;

  function reportProblems(): void {
    const current = new Set<string>();
    for (const { policy, message } of [...ipv4.problems(), ...(ipv6?.problems() ?? [])]) {
      current.add(policy);
      if (reported.get(policy) === message) continue;
      reported.set(policy, message);
      logger.error({ policy }, message);
    }
    for (const policy of reported.keys()) if (!current.has(policy)) reported.delete(policy);
  }

  async function flush(): Promise<void> {
    const deltas = [ipv4.flush(), ipv6Complete ? ipv6?.flush() : undefined];
    reportProblems();
    const [first, second] = deltas;
    await Promise.all([first && dataplane.update(first, 4), second && dataplane.update(second, 6)]);
  }

  /** IPv6 is in use from now on. What a whole state does not say, the next one will. */
  function useIpv6(): Compiler {
    if (ipv6) return ipv6;
    ipv6 = options.createCompiler(6);
    for (const endpoint of locals.values()) {
      if (hasIpv6(endpoint)) ipv6.apply({ type: 'localEndpoint', endpoint });
    }
    if (ready) options.onSnapshotWanted();
    return ipv6;
  }

  return {
    get ready() {
      return ready;
    },
    get enforcedRevision() {
      return enforcedRevision;
    },
    apply({ items, revision, snapshot }) {
      if (items.some(isIpv6Pool)) useIpv6();
      for (const item of items) {
        applyItem(ipv4, item, nodeName);
        if (ipv6) applyItem(ipv6, item, nodeName);
      }
      // What a former run left on disk is whole as well, and comes first.
      if (ipv6 && (snapshot || !ready)) ipv6Complete = true;
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
      locals.set(endpoint.id, endpoint);
      ipv4.apply({ type: 'localEndpoint', endpoint });
      if (hasIpv6(endpoint)) {
        useIpv6().apply({ type: 'localEndpoint', endpoint });
        if (ready && !ipv6Complete) throw new Error('the policy of IPv6 is not known yet: a hub is being asked');
      }
      if (ready) await flush();
    },
    async removeEndpoint(id) {
      locals.delete(id);
      ipv4.apply({ type: 'localEndpointRemoved', id });
      ipv6?.apply({ type: 'localEndpointRemoved', id });
      if (ready) await flush();
    },
  };
}

const hasIpv6 = ({ addresses }: LocalEndpoint): boolean => addresses.some((address) => familyOf(address) === 6);

/** Whether an item of the feed is a pool of IPv6; looked at for each, so without parsing it. */
function isIpv6Pool({ item }: FeedItem): boolean {
  return item.case === 'resource' && item.value.kind === 'IPPool' && /"cidr":\s*"[^"]*:/.test(item.value.specJson);
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
