/** Health and metrics over plain HTTP: /healthz, /readyz, /metrics. */
import { rm } from 'node:fs/promises';
import fastify from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** What a leader knows; read at each scrape. */
export interface TermState {
  readonly synced: boolean;
  /** Items that wait to be stored. */
  readonly waiting: number;
  /** Why Postgres cannot be asked; undefined when it can. */
  readonly databaseAway: string | undefined;
  readonly invalid: number;
  /** By kind: what the API server has, and what is kept though it has it no more. */
  readonly objects: ReadonlyMap<string, number>;
  readonly held: ReadonlyMap<string, number>;
  /** Services that have not all the addresses that they want of us. */
  readonly servicesUnserved: number;
  /** Blocks of nodes that the API server does not have. */
  readonly blocksOfGoneNodes: number;
}

export interface Metrics {
  readonly registry: Registry;
  /** Resources that went to Postgres. */
  stored(puts: number, deletes: number): void;
  statusWritten(ok: boolean): void;
  watchLost(kind: string): void;
}

/** `term` is undefined while another replica leads. */
export function createMetrics(term: () => TermState | undefined): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = (name: string, help: string, label: string) =>
    new Counter({ name: `caracal_operator_${name}`, help, labelNames: [label], registers });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `caracal_operator_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const byKind = (name: string, help: string, read: (term: TermState) => ReadonlyMap<string, number>) =>
    new Gauge({
      name: `caracal_operator_${name}`,
      help,
      labelNames: ['kind'],
      registers,
      collect() {
        this.reset();
        const state = term();
        if (state) for (const [kind, count] of read(state)) this.set({ kind }, count);
      },
    });
  gauge('leading', 'Whether this replica leads (0 or 1)', () => (term() ? 1 : 0));
  gauge('synced', 'Whether every kind has been listed in full (0 or 1)', () => (term()?.synced ? 1 : 0));
  gauge('waiting', 'Items that wait to be stored', () => term()?.waiting ?? 0);
  gauge('database_away', 'Whether Postgres cannot be asked (0 or 1)', () => (term()?.databaseAway ? 1 : 0));
  gauge('invalid_objects', 'Objects that are not in force as written', () => term()?.invalid ?? 0);
  gauge(
    'blocks_of_gone_nodes',
    'Blocks of nodes that the API server does not have',
    () => term()?.blocksOfGoneNodes ?? 0,
  );
  gauge(
    'services_unserved',
    'Services of type LoadBalancer that have not all the addresses that they want',
    () => term()?.servicesUnserved ?? 0,
  );
  byKind('objects', 'Objects that the API server has', (state) => state.objects);
  byKind('held_objects', 'Objects that vanished in suspicious numbers and are kept', (state) => state.held);
  const resources = counter('resources_total', 'Resources that went to Postgres', 'op');
  const statusWrites = counter('status_writes_total', 'Writes of status', 'outcome');
  const lost = counter('watches_lost_total', 'Watches that ended in an unusual way', 'kind');
  return {
    registry,
    stored(puts, deletes) {
      resources.inc({ op: 'put' }, puts);
      resources.inc({ op: 'delete' }, deletes);
    },
    statusWritten: (ok) => statusWrites.inc({ outcome: ok ? 'written' : 'failed' }),
    watchLost: (kind) => lost.inc({ kind }),
  };
}

export type OperationsAddress = { readonly host: string; readonly port: number } | { readonly socket: string };

/** Serves until closed. */
export async function startOperations(
  where: OperationsAddress,
  registry: Registry,
  notReady: () => string | undefined,
): Promise<{ close(): Promise<void> }> {
  const app = fastify({ forceCloseConnections: true });
  app.get('/healthz', async () => ({ status: 'alive' }));
  app.get('/readyz', async (_request, reply) => {
    const reason = notReady();
    return reason === undefined ? { status: 'ready' } : reply.code(503).send({ status: 'not ready', reason });
  });
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  if ('socket' in where) {
    await rm(where.socket, { force: true });
    await app.listen({ path: where.socket });
  } else {
    await app.listen(where);
  }
  return { close: () => app.close() };
}
