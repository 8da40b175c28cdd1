/**
 * One leader among the replicas, by a Lease (coordination.k8s.io/v1). A holder counts as gone when its Lease has stood unchanged for its duration by
 * our own clock: no two machines' clocks are compared. A leader that cannot renew steps down before another may take over; what it still
 * sends to Postgres after that is fenced by the epoch of the next.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeApi, KubeError } from '@caracal/kube';

interface Lease {
  readonly metadata: { readonly resourceVersion?: string };
  readonly spec: { readonly holderIdentity?: string; readonly renewTime?: string; readonly leaseTransitions?: number };
}

export interface LeaderOptions {
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
  readonly durationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
  readonly now?: () => number;
  /** The API server answered about the Lease. */
  readonly onAsked?: () => void;
  readonly onError: (error: Error) => void;
}

/** One term of office. */
export interface Lead {
  /** Aborts when the term is over. */
  readonly signal: AbortSignal;
  /** Whether the Lease is still ours for certain. False before the signal aborts when this process did not run for a while. */
  held(): boolean;
}

/** Runs `term` whenever this replica leads; returns when `signal` aborts. */
export async function whenLeader(
  api: KubeApi,
  options: LeaderOptions,
  term: (lead: Lead) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const {
    namespace,
    name,
    identity,
    durationMs,
    renewDeadlineMs,
    retryMs,
    now = () => performance.now(),
    onAsked = () => {},
    onError,
  } = options;
  const folder = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  let seen: { renewTime: string | undefined; holder: string; at: number } | undefined;

  const put = (found: Lease | undefined, holder: string): Promise<unknown> => {
    const time = `${new Date().toISOString().slice(0, -1)}000Z`; // MicroTime
    const changes = found?.spec.holderIdentity === holder ? 0 : 1;
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, resourceVersion: found?.metadata.resourceVersion },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: Math.ceil(durationMs / 1000),
        renewTime: time,
        leaseTransitions: (found?.spec.leaseTransitions ?? 0) + changes,
      },
    };
    return found
      ? api.request({ method: 'PUT', path: `${folder}/${name}`, body })
      : api.request({ method: 'POST', path: folder, body });
  };

  /** Renews the Lease, or takes it when nobody holds it. */
  const hold = async (): Promise<boolean> => {
    const found = await api.request({ method: 'GET', path: `${folder}/${name}` }).catch((error: unknown) => {
      if (error instanceof KubeError && error.code === 404) return undefined;
      throw error;
    });
    const lease = found as Lease | undefined; // the API's own shape
    const holder = lease?.spec.holderIdentity ?? '';
    if (seen?.renewTime !== lease?.spec.renewTime || seen?.holder !== holder)
      seen = { renewTime: lease?.spec.renewTime, holder, at: now() };
    if (holder !== '' && holder !== identity && now() - seen.at < durationMs) return false;
    try {
      await put(lease, identity);
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.code === 409) return false; // another was faster
      throw error;
    }
  };
  const tryToHold = () =>
    hold().then(
      (held) => {
        onAsked();
        return held;
      },
      (error: unknown) => {
        onError(error instanceof Error ? error : new Error(String(error)));
        return undefined;
      },
    );
  const pause = () => sleep(retryMs, undefined, { signal }).catch(() => {});

  while (!signal.aborted) {
    // From before the request: another counts from when it saw the answer's effect.
    let renewed = now();
    if (!(await tryToHold())) {
      await pause();
      continue;
    }
    const over = new AbortController();
    const stop = () => over.abort();
    signal.addEventListener('abort', stop, { once: true });
    const held = () => !over.signal.aborted && now() - renewed <= renewDeadlineMs;
    const running = term({ signal: over.signal, held }).finally(stop);
    while (!over.signal.aborted) {
      await sleep(retryMs, undefined, { signal: over.signal }).catch(() => {});
      if (over.signal.aborted) break;
      const asked = now();
      const answer = await Promise.race([tryToHold(), sleep(renewDeadlineMs, undefined, { ref: false })]);
      if (answer) renewed = asked;
      else if (answer === false || !held()) stop();
    }
    signal.removeEventListener('abort', stop);
    await running;
    if (signal.aborted) {
      // Handed back, so that the next need not wait.
      const lease = await api.request({ method: 'GET', path: `${folder}/${name}` }).catch(() => undefined);
      if ((lease as Lease | undefined)?.spec.holderIdentity === identity) await put(lease as Lease, '').catch(() => {});
    } else {
      await pause();
    }
  }
}
