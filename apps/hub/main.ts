import { setTimeout as sleep } from 'node:timers/promises';
import { type MigrationReport, migrate, unavailableReason } from '@caracal/datastore';
import { Command, InvalidArgumentError } from 'commander';
import { type Logger, pino } from 'pino';
import { enrolmentToken } from './certificates/enrolment.ts';
import { makeCertificates } from './certificates/make.ts';
import { databaseUrl, migrationDatabaseUrl, readHubConfig } from './config.ts';
import { readAuthority, startHub } from './hub.ts';

const program = new Command('hub').description('The API in front of Postgres, for node agents and caracalctl');

program
  .command('run')
  .description('serve until SIGTERM')
  .requiredOption('--config <file>', 'YAML or JSON')
  .action(async ({ config: file }: { config: string }) => {
    const config = readHubConfig(file);
    const logger = pino({ name: 'hub', level: config.logLevel });
    const hub = await startHub(config, databaseUrl(config, process.env), logger);
    logger.info({ listen: hub.addresses, mode: config.mode }, 'listening');
    let closing = false;
    const stop = (signal: NodeJS.Signals) => {
      if (closing) return;
      closing = true;
      logger.info({ signal }, 'draining');
      void hub.close().then(() => {
        logger.info('stopped');
        process.exit(0); // a connection that nobody answers on would keep us
      });
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });

program
  .command('migrate')
  .description("bring the database's schema to the newest version")
  .option('--config <file>', 'YAML or JSON; without one the environment names the database')
  .option('--wait <seconds>', 'for a database that does not answer yet', seconds, 0)
  .action(async ({ config: file, wait }: { config?: string; wait: number }) => {
    const config = file === undefined ? undefined : readHubConfig(file);
    const logger = pino({ name: 'hub', level: config?.logLevel ?? 'info' });
    const { from, to, applied } = await migrateWithin(wait, migrationDatabaseUrl(config ?? {}, process.env), logger);
    logger.info({ from, to, applied }, applied.length > 0 ? 'schema migrated' : 'the schema is the newest already');
  });

program
  .command('certificates')
  .description('make an authority, and certificates for hubs and for an administrator')
  .requiredOption('--folder <folder>', 'where they are written')
  .option('--host <name...>', 'further names and addresses of hubs, for clients other than ours', [])
  .action(async ({ folder, host }: { folder: string; host: string[] }) => {
    console.log(`${folder}: ${(await makeCertificates(folder, host)).join(', ')}`);
  });

program
  .command('token')
  .description('print a token by which a new node enrols')
  .requiredOption('--config <file>', 'YAML or JSON')
  .requiredOption('--node <name>', 'the only node that it is good for')
  .option('--seconds <seconds>', 'for how long', seconds, 3600)
  .action(({ config: file, node, seconds: lifetime }: { config: string; node: string; seconds: number }) => {
    const { tls, enrolment } = readHubConfig(file);
    if (!enrolment) throw new Error(`${file} has no enrolment: name the authority's key in it`);
    console.log(enrolmentToken(readAuthority(tls.ca, enrolment.caKey), node, Date.now() + lifetime * 1000));
  });

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('give whole seconds.');
  return value;
}

/** A database that is starting, or whose name is not known yet, is asked once a second. */
async function migrateWithin(waitSeconds: number, url: string, logger: Logger): Promise<MigrationReport> {
  const until = performance.now() + waitSeconds * 1000;
  let told: string | undefined;
  for (;;) {
    try {
      return await migrate(url);
    } catch (error) {
      const reason = unavailableReason(error);
      if (reason === undefined || performance.now() >= until) throw error;
      if (reason !== told) logger.info({ reason }, 'waiting for the database');
      told = reason;
      await sleep(1000);
    }
  }
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
