import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type NodeIpam, openJournal, openNodeIpam } from '@caracal/ipam';
import { formatAddress, ipv4FromNumber } from '@caracal/net';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { type Percentiles, percentiles } from './figures.ts';
import { benchClaims, type ClaimsBench } from './ipam-claims.ts';

/**
 * What the node pays for an address: assigned by itself and on the disk (O_DSYNC) before it counts, one at a time and many at
 * once; and what a cluster pays for its blocks: claims of many nodes at once, through hubs.
 */
export interface IpamBench {
  /** A second, with so many under way at once. */
  readonly assignments: { readonly atOnce: number; readonly perSecond: number };
  /** Of one alone, and of its release; milliseconds. */
  readonly assign: Percentiles;
  readonly release: Percentiles;
  readonly claims: ClaimsBench;
}

const atOnce = 64;
const assignmentsInAll = 30_000;
const alone = 3_000;
const firstBlock = 10 * 2 ** 24;

export async function benchIpam(options: { readonly onProgress: (line: string) => void }): Promise<IpamBench> {
  options.onProgress(`${assignmentsInAll} assignments, ${atOnce} at once`);
  const perSecond = await onOneNode(async (ipam) => {
    let next = 0;
    const client = async () => {
      while (next < assignmentsInAll) await assign(ipam, `net/c${next++}/eth0`);
    };
    const start = performance.now();
    await Promise.all(Array.from({ length: atOnce }, client));
    return Math.round((assignmentsInAll / (performance.now() - start)) * 1000);
  });
  options.onProgress(`${alone} assignments and releases, one after the other`);
  const [assigned, released] = await onOneNode(async (ipam) => {
    const took: [number[], number[]] = [[], []];
    for (let i = -100; i < alone; i++) {
      const handle = `net/c${i}/eth0`;
      const start = performance.now();
      await assign(ipam, handle);
      const between = performance.now();
      await ipam.release(handle);
      if (i < 0) continue;
      took[0].push(between - start);
      took[1].push(performance.now() - between);
    }
    return took;
  });
  return {
    assignments: { atOnce, perSecond },
    assign: percentiles(assigned),
    release: percentiles(released),
    claims: await benchClaims(options),
  };
}

export function formatIpamBench({ assignments, assign: one, release, claims }: IpamBench): string {
  const row = (name: string, ...cells: string[]) => name.padEnd(52) + cells.map((cell) => cell.padStart(12)).join('');
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  return [
    row(`durable assignments, ${assignments.atOnce} at once`, `${assignments.perSecond}/s`),
    row('', 'p50', 'p99'),
    row('one assignment', ms(one.p50), ms(one.p99)),
    row('one release', ms(release.p50), ms(release.p99)),
    row(
      `claims of blocks: ${claims.nodes} nodes, ${claims.hubs} hubs`,
      `${claims.perSecond}/s`,
      `${claims.failed} failed`,
    ),
    row('one claim among them', ms(claims.one.p50), ms(claims.one.p99)),
    row('', 'hubs', 'nodes', 'Postgres'),
    row('CPU of one claim', ms(claims.cpuMs.hubs), ms(claims.cpuMs.nodes), ms(claims.cpuMs.postgres)),
  ].join('\n');
}

/** A node with its journal on the disk, and a hub that grants at once. */
async function onOneNode<T>(work: (ipam: NodeIpam) => Promise<T>): Promise<T> {
  const folder = makeTemporaryFolder('bench-ipam');
  const journal = await openJournal(join(folder, 'ipam.journal'));
  let granted = 0;
  try {
    const ipam = await openNodeIpam({
      node: 'bench',
      journal,
      claimBlock: async (pool) => {
        const cidr = `${formatAddress(ipv4FromNumber(firstBlock + 64 * granted++))}/26`;
        return { ok: true, cidr, pool };
      },
      onBlock: () => {},
      isReserved: () => false,
      restMs: 30_000,
      claimAheadBelow: 8,
      newIncarnation: randomUUID,
      now: Date.now,
      schedule: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
      onClaimAheadFailed: () => {},
    });
    return await work(ipam);
  } finally {
    await journal.close();
    removeTemporaryFolder(folder);
  }
}

async function assign(ipam: NodeIpam, handle: string): Promise<void> {
  const pod = {
    namespace: 'bench',
    name: handle,
    uid: handle,
    labels: { app: 'bench' },
    serviceAccount: 'default',
    ports: [],
  };
  const result = await ipam.assign(handle, [{ pools: ['default'] }], () => ({
    containerId: handle,
    ifname: 'eth0',
    pod,
  }));
  if (!result.ok) throw new Error(`${handle}: ${result.message}`);
  await result.durable;
}
