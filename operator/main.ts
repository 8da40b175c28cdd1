import { hostname } from 'node:os';
import { openDatastore } from '@caracal/datastore';
import { kubeApi } from '@caracal/kube';
import { Command } from 'commander';
import { pino } from 'pino';
import { databaseUrl, readOperatorConfig } from './config.ts';
import { kubeServer } from './kube-server.ts';
import { whenLeader } from './leader.ts';
import { runTerm } from './term.ts';

// Kubernetes ──list/watch──▶ mirror ──batches──▶ Postgres
//      ▲                        │
//      └── status, conditions ──┘        all of it only while this replica holds the Lease

const program = new Command('operator').description('Takes what Kubernetes has to Postgres, and writes status back');

program
  .command('run')
  .description('until SIGTERM')
  .requiredOption('--config <file>', 'YAML or JSON')
  .action(async ({ config: file }: { config: string }) => {
    const config = readOperatorConfig(file);
    const logger = pino({ name: 'operator', level: config.logLevel });
    const identity = config.identity ?? process.env.CARACAL_POD_NAME ?? `${hostname()}-${process.pid}`;
    const api = kubeApi(kubeServer(config), 'caracal-operator');
    const datastore = openDatastore(databaseUrl(config, process.env), {
      onConnectionLost: (error) => logger.warn({ error: error.message }, 'connection to Postgres lost'),
    });
    const stop = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
    logger.info({ identity }, 'waiting for the lease');
    await whenLeader(
      api,
      {
        ...config.lease,
        namespace: config.namespace,
        name: 'caracal-operator',
        identity,
        onError: (error) => logger.warn({ error: error.message }, 'lease not renewed'),
      },
      (signal) => runTerm({ config, identity, api, datastore, logger }, signal),
      stop.signal,
    );
    await datastore.close();
    logger.info('stopped');
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
