import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeApi, KubeError, type KubeRequest } from '@caracal/kube';
import { expect, test } from 'vitest';
import { type Lead, whenLeader } from './leader.ts';
import { leadingApi } from './leading-api.ts';

interface Lease {
  metadata: { resourceVersion: string };
  spec: { holderIdentity: string; renewTime: string; leaseTransitions: number };
}

/** An API server with one Lease; `broken` makes every request fail. */
function leaseServer() {
  let lease: Lease | undefined;
  let version = 0;
  const server = {
    broken: false,
    lease: () => lease,
    sent: [] as string[],
    api: {
      async request({ method, path, body }: KubeRequest) {
        server.sent.push(method);
        if (server.broken) throw new Error('away');
        if (method === 'GET') {
          if (!lease) throw new KubeError(404, 'not found');
          return lease;
        }
        if (!path.includes('/leases')) return {};
        const next = body as Lease; // what whenLeader sends
        if (method === 'PUT' && next.metadata.resourceVersion !== lease?.metadata.resourceVersion)
          throw new KubeError(409, 'conflict');
        if (method === 'POST' && lease) throw new KubeError(409, 'exists');
        lease = { ...next, metadata: { resourceVersion: String(++version) } };
        return lease;
      },
      async *watch() {},
    } satisfies KubeApi,
  };
  return server;
}

const times = { namespace: 'n', name: 'l', durationMs: 1000, renewDeadlineMs: 600, retryMs: 5 };

/** A replica whose clock is ours, and what it has to say of its terms. */
function replica(server: ReturnType<typeof leaseServer>, identity: string, clock: { now: number }) {
  const stop = new AbortController();
  const terms: Lead[] = [];
  const running = whenLeader(
    server.api,
    { ...times, identity, now: () => clock.now, onError: () => {} },
    (lead) => {
      terms.push(lead);
      return new Promise<void>((resolve) => lead.signal.addEventListener('abort', () => resolve()));
    },
    stop.signal,
  );
  const end = () => {
    stop.abort();
    return running;
  };
  return { terms, end };
}

test('a second replica leads when the Lease has stood unchanged for its duration by its own clock, not before', async () => {
  const server = leaseServer();
  const [clockA, clockB] = [{ now: 0 }, { now: 5_000_000 }];
  const a = replica(server, 'a', clockA);
  await expect.poll(() => a.terms.length).toBe(1);
  server.broken = true; // a cannot renew
  await sleep(20);
  server.broken = false;
  const b = replica(server, 'b', clockB);
  await sleep(50);
  expect(b.terms).toHaveLength(0);
  await a.end();
  // Handed back: it is not waited for.
  await expect.poll(() => b.terms.length).toBe(1);
  expect(server.lease()?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 3 });
  await b.end();
});

test('a leader that did not run for longer than its deadline knows that it may lead no more, before anything tells it', async () => {
  const server = leaseServer();
  const clock = { now: 0 };
  const a = replica(server, 'a', clock);
  await expect.poll(() => a.terms.length).toBe(1);
  const [term] = a.terms;
  expect(term!.held()).toBe(true);
  const api = leadingApi(server.api, term!.held);
  await api.request({ method: 'PATCH', path: '/x' });
  clock.now += times.renewDeadlineMs + 1;
  expect(term!.held()).toBe(false);
  server.sent.length = 0;
  await expect(api.request({ method: 'PATCH', path: '/x' })).rejects.toThrow("the lease may be another's");
  expect(server.sent).not.toContain('PATCH');
  // Nobody took it: it goes on.
  await expect.poll(() => term!.held()).toBe(true);
  await a.end();
});

test('a leader that cannot renew until its deadline steps down, and another takes over', async () => {
  const server = leaseServer();
  const clock = { now: 0 };
  const a = replica(server, 'a', clock);
  await expect.poll(() => a.terms.length).toBe(1);
  server.broken = true;
  clock.now += times.renewDeadlineMs + 1;
  await expect.poll(() => a.terms[0]!.signal.aborted).toBe(true);
  const b = replica(server, 'b', clock);
  await sleep(30);
  server.broken = false;
  await sleep(30);
  clock.now += times.durationMs + 1;
  await expect.poll(() => a.terms.length + b.terms.length).toBe(2);
  await Promise.all([a.end(), b.end()]);
});
