import { randomUUID } from 'node:crypto';
import { migrate, openDatastore } from '@caracal/datastore';
import { NodeService } from '@caracal/protocol';
import { prepareHub, type TestHub } from '../support/hub.ts';
import { createAuthority, issueCertificate } from '../support/pki.ts';
import { startPostgres } from '../support/postgres.ts';
import { childrenOf } from '../support/proc.ts';
import { cpuMs } from './cpu-time.ts';
import { type Percentiles, percentiles } from './figures.ts';
import { leanNode } from './lean-node.ts';

/** Claims of blocks by nodes that all ask at once and again, each over its own connection. */
export interface ClaimsBench {
  readonly nodes: number;
  readonly hubs: number;
  readonly perSecond: number;
  readonly failed: number;
  /** Milliseconds; with all nodes waiting at once this is mostly the queue. */
  readonly one: Percentiles;
  /** CPU milliseconds a claim: in the hubs, in the process that is all the nodes, and in Postgres. They share the machine. */
  readonly cpuMs: { readonly hubs: number; readonly nodes: number; readonly postgres: number };
}

const nodeCount = 1000;
const hubCount = 2;
const claimsANode = 10;
const pool = {
  apiVersion: 'caracal.network/v1',
  kind: 'IPPool',
  namespace: '',
  name: 'default',
  labels: {},
  spec: { cidr: '10.0.0.0/8', blockSize: 26, disabled: false },
};

export async function benchClaims({
  onProgress,
}: {
  readonly onProgress: (line: string) => void;
}): Promise<ClaimsBench> {
  const postgres = await startPostgres();
  const authority = await createAuthority();
  const closing: (() => unknown)[] = [];
  try {
    await migrate(postgres.url);
    const datastore = openDatastore(postgres.urlFor('caracal_hub'));
    await datastore.write({ op: 'resources', put: [pool] });
    await datastore.close();
    const hubs: TestHub[] = [];
    for (let i = 0; i < hubCount; i++) {
      const hub = await prepareHub(postgres.urlFor('caracal_hub'), { ping: { timeoutMs: 60_000 } }, authority);
      hubs.push(hub);
      closing.push(hub.destroy);
      await hub.start();
      await hub.untilReady();
    }
    onProgress(`${nodeCount} nodes connect to ${hubCount} hubs`);
    const identities = [];
    for (let i = 0; i < nodeCount; i++) {
      identities.push(await issueCertificate(authority, { organization: 'caracal:nodes', commonName: `node-${i}` }));
    }
    const nodes = [];
    for (const [i, identity] of identities.entries()) {
      const node = leanNode({ address: hubs[i % hubCount].address, ca: authority.ca, ...identity });
      closing.push(node.close);
      const incarnation = randomUUID();
      await node.call(NodeService.method.assertBlocks, { incarnation, machine: `machine-${i}` });
      nodes.push({ node, incarnation, held: [] as string[] });
    }
    onProgress(`${claimsANode} claims of each`);
    const took: number[] = [];
    let failed = 0;
    const used = () => ({
      hubs: hubs.reduce((sum, hub) => sum + cpuMs(hub.pid() ?? 0), 0),
      nodes: cpuMs(process.pid),
      postgres: childrenOf(postgres.pid() ?? 0).reduce((sum, pid) => sum + cpuMs(pid), 0),
    });
    const before = used();
    const start = performance.now();
    await Promise.all(
      nodes.map(async ({ node, incarnation, held }) => {
        for (let i = 0; i < claimsANode; i++) {
          const begin = performance.now();
          try {
            const request = { pool: pool.name, incarnation, held: { cidrs: held } };
            const { result } = await node.call(NodeService.method.claimBlock, request);
            if (result.case === 'block') held.push(result.value.cidr);
            else failed++;
          } catch {
            failed++;
          }
          took.push(performance.now() - begin);
        }
      }),
    );
    const seconds = (performance.now() - start) / 1000;
    const after = used();
    const granted = nodes.flatMap(({ held }) => held);
    if (new Set(granted).size !== granted.length) throw new Error('a block was granted twice');
    return {
      nodes: nodeCount,
      hubs: hubCount,
      perSecond: Math.round(granted.length / seconds),
      failed,
      one: percentiles(took),
      cpuMs: {
        hubs: (after.hubs - before.hubs) / granted.length,
        nodes: (after.nodes - before.nodes) / granted.length,
        postgres: (after.postgres - before.postgres) / granted.length,
      },
    };
  } finally {
    for (const close of closing.reverse()) await close();
    await postgres.destroy();
  }
}
