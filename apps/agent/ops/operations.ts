import { chmodSync, rmSync } from 'node:fs';
import fastify from 'fastify';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { AgentConfig } from '../config.ts';

/** What the agent says of itself; read at each scrape. */
export interface AgentState {
  /** Whether a pod could start: empty, or the reasons why not. */
  notReady(): string[];
  endpoints(): number;
  enforcedRevision(): bigint;
  hubConnected(): boolean;
  bgpEstablished(): number;
  leakedAddresses(): number;
  blocks(): Array<{ readonly cidr: string; readonly pool: string; readonly used: number; readonly free: number }>;
}

/** Serves /healthz, /readyz and /metrics. */
export async function startOperations(
  where: NonNullable<AgentConfig['metrics']>,
  state: AgentState,
): Promise<{ close(): Promise<void> }> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `caracal_agent_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('endpoints', 'Pod interfaces on this node', state.endpoints);
  gauge('enforced_revision', 'Revision of the feed that the kernel holds', () => Number(state.enforcedRevision()));
  gauge('hub_connected', 'Whether a hub serves this node (0 or 1)', () => (state.hubConnected() ? 1 : 0));
  gauge('bgp_established', 'BGP sessions that are Established', state.bgpEstablished);
  gauge(
    'leaked_addresses',
    'Addresses that the journal holds and nothing uses (caracalctl ipam check names them)',
    state.leakedAddresses,
  );
  new Gauge({
    name: 'caracal_agent_addresses',
    help: 'Addresses in the blocks of this node, by state',
    labelNames: ['pool', 'block', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { cidr, pool, used, free } of state.blocks()) {
        this.set({ pool, block: cidr, state: 'used' }, used);
        this.set({ pool, block: cidr, state: 'free' }, free);
      }
    },
  });

  const server = fastify();
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', (_request, reply) => {
    const reasons = state.notReady();
    return reply.code(reasons.length === 0 ? 200 : 503).send({ ready: reasons.length === 0, reasons });
  });
  server.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  if ('socket' in where) {
    rmSync(where.socket, { force: true });
    await server.listen({ path: where.socket });
    chmodSync(where.socket, 0o600);
  } else {
    await server.listen({ host: '127.0.0.1', port: where.port });
  }
  return server;
}
