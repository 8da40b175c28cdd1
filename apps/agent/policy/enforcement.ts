import { addressFromBytes, type Family, familyOf, formatAddress } from '@caracal/net';
import type { Compiler, LocalEndpoint, PolicyDelta, Update } from '@caracal/policy';
import type { Resource } from '@caracal/protocol';
import type { Logger } from 'pino';
import type { FeedEntry } from '../feed/entries.ts';
import type { FeedTarget } from '../feed/follow.ts';

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
 *
 * A change comes in parts, and the rules of before stand until its end: a pod that comes or goes in the middle is seen into the kernel
 * with the rules that the change leads to, when it is whole.
 */
export interface Enforcement extends FeedTarget {
  /** Whether a whole state is known, so that a pod may be let in. */
  readonly ready: boolean;
  readonly enforcedRevision: bigint;
  /** Resolves when the kernel enforces the endpoint's policy. */
  addEndpoint(endpoint: LocalEndpoint): Promise<void>;
  /** Resolves when the kernel has forgotten the endpoint. */
  removeEndpoint(id: string): Promise<void>;
  /** Who waits for the end of a change is refused, from now on. */
  stop(): void;
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
  /** A change is being taken; resolves at its end. `ipv6`: whether IPv6 has been told all of it. */
  let changing: { readonly ended: PromiseWithResolvers<void>; readonly ipv6: boolean } | undefined;
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => {}); // nobody may be waiting

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

  async function wholeChange(): Promise<void> {
    if (changing) await Promise.race([changing.ended.promise, stopped.promise]);
  }

  /** For a pod: nothing is compiled before a whole state is known, nor of a change that is not whole. */
  async function flushWhenWhole(): Promise<void> {
    await wholeChange();
    if (ready) await flush();
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
    begin({ hasIpv6Pool }) {
      if (hasIpv6Pool) useIpv6();
      // One that was not ended has failed; this one begins anew, and who waits waits for it.
      changing = { ended: changing?.ended ?? Promise.withResolvers(), ipv6: ipv6 !== undefined };
    },
    take(entries) {
      for (const entry of entries) {
        const update = updateOf(entry, nodeName);
        if (!update) continue;
        ipv4.apply(update);
        ipv6?.apply(update);
      }
    },
    settle: (isOver) => ipv4.settle(isOver) && (ipv6?.settle(isOver) ?? true),
    end({ revision, snapshot }) {
      // What a former run left on disk is whole as well, and comes first.
      if (changing?.ipv6 && (snapshot || !ready)) ipv6Complete = true;
      const ended = changing?.ended;
      changing = undefined;
      const first = !ready;
      ready = true;
      if (first && ipv6 && !ipv6Complete) options.onSnapshotWanted();
      flush().then(
        () => {
          if (revision <= enforcedRevision) return;
          enforcedRevision = revision;
          options.onEnforced(revision);
        },
        (error: Error) =>
          logger.error({ revision: Number(revision) }, `the kernel refused a revision: ${error.message}`),
      );
      ended?.resolve();
    },
    async addEndpoint(endpoint) {
      locals.set(endpoint.id, endpoint);
      ipv4.apply({ type: 'localEndpoint', endpoint });
      if (hasIpv6(endpoint)) {
        useIpv6().apply({ type: 'localEndpoint', endpoint });
        await wholeChange();
        if (ready && !ipv6Complete) throw new Error('the policy of IPv6 is not known yet: a hub is being asked');
      }
      await flushWhenWhole();
    },
    async removeEndpoint(id) {
      locals.delete(id);
      ipv4.apply({ type: 'localEndpointRemoved', id });
      ipv6?.apply({ type: 'localEndpointRemoved', id });
      await flushWhenWhole();
    },
    stop: () => stopped.reject(new Error('the agent is stopping')),
  };
}

const hasIpv6 = ({ addresses }: LocalEndpoint): boolean => addresses.some((address) => familyOf(address) === 6);

/** What an entry of the feed is to the compiler. The node's own endpoints are left out: here the journal is the authority. */
function updateOf(entry: FeedEntry, nodeName: string): Update | undefined {
  switch (entry.case) {
    case 'snapshotBegin':
      return { type: 'resyncBegin' };
    case 'snapshotEnd':
      return { type: 'resyncEnd' };
    case 'resource':
      return { type: 'resource', resource: resourceOf(entry.value, entry.spec) };
    case 'resourceDeleted': {
      const { kind, namespace, name } = entry.value;
      return { type: 'resourceRemoved', kind, namespace, name };
    }
    case 'pod': {
      const { namespace, name, uid, labels, serviceAccount, ports } = entry.value;
      return { type: 'pod', pod: { key: `${namespace}/${name}`, uid, namespace, labels, serviceAccount, ports } };
    }
    case 'podDeleted':
      return { type: 'podRemoved', key: `${entry.namespace}/${entry.name}` };
    case 'endpoint': {
      const { node, containerId, interface: name, podUid, addresses } = entry.value;
      if (node === nodeName) return undefined;
      const texts = addresses.map((bytes) => formatAddress(addressFromBytes(bytes)));
      return { type: 'endpoint', endpoint: { node, containerId, interface: name, podUid, addresses: texts } };
    }
    case 'endpointDeleted':
      return entry.value.node === nodeName ? undefined : { type: 'endpointRemoved', endpoint: entry.value };
  }
}

function resourceOf({ kind, name, namespace, uid, labels }: Resource, spec: unknown) {
  return { kind, metadata: { name, namespace: namespace || undefined, uid, labels }, spec };
}
