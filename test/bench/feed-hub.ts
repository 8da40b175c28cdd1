import { migrate } from '@caracal/datastore';
import { prepareHub } from '../support/hub.ts';
import { startPostgres } from '../support/postgres.ts';
import { fillDatabase } from './feed-world.ts';
import { residentMib } from './process-memory.ts';

/** A hub that starts in front of a database of full size. */
export interface AtSize {
  readonly nodes: number;
  readonly addresses: number;
  /** Milliseconds from starting the process until it is in step with the database. */
  readonly readyMs: number;
  readonly readyMib: number;
  readonly peakMib: number;
}

const nodes = 5000;
const podsANode = 50;
const history = 1_000_000;

export async function benchHubAtSize({ onProgress }: { readonly onProgress: (line: string) => void }): Promise<AtSize> {
  const postgres = await startPostgres();
  try {
    await migrate(postgres.url);
    onProgress(`${nodes} nodes with ${podsANode} pods each, ${history} rows of history`);
    await fillDatabase(postgres.url, { nodes, podsANode, history });
    const hub = await prepareHub(postgres.urlFor('caracal_hub'));
    try {
      const start = performance.now();
      await hub.start();
      await hub.untilReady();
      const readyMs = performance.now() - start;
      const { now, peak } = residentMib(hub.pid() ?? 0);
      return { nodes, addresses: nodes * podsANode, readyMs, readyMib: now, peakMib: peak };
    } finally {
      await hub.destroy();
    }
  } finally {
    await postgres.destroy();
  }
}
