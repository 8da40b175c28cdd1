import { chmod, rm } from 'node:fs/promises';
import { fastify } from 'fastify';
import type { Registry } from 'prom-client';
import type { ListenAddress } from '../server/listeners.ts';

export interface OpsOptions {
  readonly listen: ListenAddress;
  readonly registry: Registry;
  /** Why the hub is not ready, or undefined when it is. */
  readonly notReady: () => string | undefined;
}

/** Health and metrics in plain HTTP, apart from the API: who scrapes has no certificate of ours, and gets nothing else. */
export async function startOpsListener({
  listen,
  registry,
  notReady,
}: OpsOptions): Promise<{ close(): Promise<void> }> {
  const app = fastify({ forceCloseConnections: true });
  app.get('/healthz', async () => ({ status: 'alive' }));
  app.get('/readyz', async (_request, reply) => {
    const reason = notReady();
    return reason ? reply.code(503).send({ status: 'not ready', reason }) : { status: 'ready' };
  });
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  if ('socket' in listen) {
    await rm(listen.socket, { force: true });
    await app.listen({ path: listen.socket });
    await chmod(listen.socket, 0o660);
  } else {
    await app.listen(listen);
  }
  return { close: () => app.close() };
}
