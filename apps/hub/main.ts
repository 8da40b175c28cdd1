import { migrate } from '@caracal/datastore';
import { Command } from 'commander';
import { pino } from 'pino';
import { databaseUrl, migrationDatabaseUrl, readHubConfig } from './config.ts';
import { startHub } from './hub.ts';

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
      void hub.close().then(() => logger.info('stopped'));
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });

program
  .command('migrate')
  .description("bring the database's schema to the newest version")
  .option('--config <file>', 'YAML or JSON; without one the environment names the database')
  .action(async ({ config: file }: { config?: string }) => {
    const config = file === undefined ? undefined : readHubConfig(file);
    const { from, to, applied } = await migrate(migrationDatabaseUrl(config ?? {}, process.env));
    const logger = pino({ name: 'hub', level: config?.logLevel ?? 'info' });
    logger.info({ from, to, applied }, applied.length > 0 ? 'schema migrated' : 'the schema is the newest already');
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
