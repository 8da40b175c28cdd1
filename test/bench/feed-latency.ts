import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate, openDatastore } from '@caracal/datastore';
import { prepareHub } from '../support/hub.ts';
import { createAuthority, issueCertificate } from '../support/pki.ts';
import { startPostgres } from '../support/postgres.ts';
import type { ReadersOrder } from './feed-readers.ts';
import { type Percentiles, percentiles } from './figures.ts';

export interface Latency {
  readonly agents: number;
  readonly hubs: number;
  readonly changesPerSecond: number;
  /** Milliseconds from asking for the write until an agent has the commit. */
  readonly toAgent: Percentiles;
}

interface LatencyOptions {
  readonly agents: number;
  readonly hubs: number;
  readonly onProgress: (line: string) => void;
}

const changesPerSecond = 100;
const changes = 1000;
const agentsAProcess = 500;

export async function benchLatency({ agents, hubs: hubCount, onProgress }: LatencyOptions): Promise<Latency> {
  onProgress(`${changes} changes to ${agents} agents`);
  const postgres = await startPostgres();
  const authority = await createAuthority();
  const closing: (() => unknown)[] = [];
  try {
    await migrate(postgres.url);
    const addresses: string[] = [];
    for (let i = 0; i < hubCount; i++) {
      const hub = await prepareHub(postgres.urlFor('caracal_hub'), { ping: { timeoutMs: 60_000 } }, authority);
      closing.push(hub.destroy);
      await hub.start();
      await hub.untilReady();
      addresses.push(hub.address);
    }
    const identity = await issueCertificate(authority, { organization: 'caracal:nodes', commonName: 'bench' });
    const readers: ChildProcess[] = [];
    for (let first = 0; first < agents; first += agentsAProcess) {
      const child = fork(join(import.meta.dirname, 'feed-readers.ts'));
      closing.push(() => child.kill());
      const count = Math.min(agentsAProcess, agents - first);
      child.send({ addresses, ca: authority.ca, ...identity, count, changes } satisfies ReadersOrder);
      await once(child, 'message'); // all of its streams stand
      readers.push(child);
    }
    const done = Promise.all(readers.map(async (child) => (await once(child, 'message'))[0] as number[]));
    const datastore = openDatastore(postgres.urlFor('caracal_hub'));
    closing.push(() => datastore.close());
    const begin = performance.now();
    for (let i = 0; i < changes; i++) {
      const resource = { apiVersion: 'v1', kind: 'Namespace', namespace: '', name: `n${i}`, labels: {} };
      void datastore.write({
        op: 'resources',
        put: [{ ...resource, spec: { askedAt: performance.timeOrigin + performance.now() } }],
      });
      await sleep(Math.max(0, begin + ((i + 1) * 1000) / changesPerSecond - performance.now()));
    }
    return { agents, hubs: hubCount, changesPerSecond, toAgent: percentiles((await done).flat()) };
  } finally {
    for (const close of closing.reverse()) await close();
    await postgres.destroy();
  }
}
