import type { Datastore } from '@caracal/datastore';
import fc from 'fast-check';
import pg from 'pg';
import { Cluster } from './cluster.ts';
import { commands, commandsOf, type ModelCommand } from './model.ts';
import { pool } from './pool.ts';
import { bringBackDatabase, saveDatabase } from './saved-database.ts';

/** Runs random sequences of what may happen to a cluster; throws with the shortest one that breaks it. Gives how often each thing happened. */
export async function runIpamModel(
  database: { readonly postgres: { readonly url: string }; readonly datastore: Datastore },
  options: {
    readonly runs: number;
    readonly maxCommands: number;
    readonly seed?: number;
    readonly machines: number;
    readonly endOnFailure?: boolean;
    /** Sequences that run first, as a failure prints them. */
    readonly examples?: readonly string[];
  },
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const client = new pg.Client({ connectionString: database.postgres.url });
  await client.connect();
  const query = async <Row extends object>(text: string, values?: unknown[]) =>
    (await client.query<Row>(text, values)).rows;
  await database.datastore.write({
    op: 'resources',
    put: [pool('m', '10.50.0.0/27'), pool('n', '10.51.0.0/28'), pool('s', '2001:db8:50::/124')],
  });
  await saveDatabase(query, 'initial');
  const names = Array.from({ length: options.machines }, (_, i) => `m${i}`);
  const examples = (options.examples ?? []).map((text) => [commandsOf(text)] as [Iterable<ModelCommand>]);
  const running = fc.assert(
    fc.asyncProperty(commands(options.maxCommands), async (sequence) => {
      await bringBackDatabase(query, 'initial', false);
      await query(`UPDATE caracal.history SET hold = '0'`);
      const cluster = await Cluster.make({
        datastore: () => database.datastore,
        query,
        pools: ['m', 'n'],
        pools6: ['s'],
        machines: names,
      });
      try {
        for (const machine of cluster.machines) {
          await machine.start();
          await machine.meetHub();
        }
        const real = { cluster, query, counts, saved: false };
        await fc.asyncModelRun(() => ({ model: {}, real }), sequence);
        await cluster.mend();
        const lost = await cluster.lost();
        if (lost.length > 0) throw new Error(`after everything has mended:\n${lost.join('\n')}`);
      } finally {
        await cluster.destroy();
      }
    }),
    {
      numRuns: options.runs + examples.length,
      examples,
      ...(options.seed !== undefined && { seed: options.seed }),
      endOnFailure: options.endOnFailure ?? false,
    },
  );
  await running.finally(() => client.end());
  return counts;
}
