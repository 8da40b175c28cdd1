import { hostname } from 'node:os';
import { openDatastore } from '@caracal/datastore';
import { kubeApi } from '@caracal/kube';
import { Command } from 'commander';
import { pino } from 'pino';
import { databaseUrl, readOperatorConfig } from './config.ts';
import { kubeServer } from './kube-server.ts';
import { whenLeader } from './leader.ts';
import { createMetrics, startOperations, type TermState } from './operations.ts';
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
    let term: TermState | undefined;
    let leaseFailure: string | undefined = 'the API server has not been asked yet who leads';
    const metrics = createMetrics(() => term);
    const notReady = () =>
      leaseFailure ?? (term && !term.synced ? 'leads, but not every kind has been listed yet' : term?.databaseAway);
    const operations = config.ops && (await startOperations(config.ops, metrics.registry, notReady));
    const lease = {
      ...config.lease,
      namespace: config.namespace,
      name: 'caracal-operator',
      identity,
      onAsked: () => {
        leaseFailure = undefined;
      },
      onError: (error: Error) => {
        leaseFailure = `the API server cannot be asked who leads: ${error.message}`;
        logger.warn({ error: error.message }, 'lease not renewed');
      },
    };
    const onState = (state: TermState) => {
      term = state;
    };
    logger.info({ identity }, 'waiting for the lease');
    await whenLeader(
      api,
      lease,
      async (lead) => {
        await runTerm({ config, identity, api, datastore, logger, metrics, onState }, lead);
        term = undefined;
        logger.info('leads no longer');
      },
      stop.signal,
    );
    await operations?.close();
    await datastore.close();
    logger.info('stopped');
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
