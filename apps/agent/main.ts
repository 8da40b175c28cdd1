import { Command } from 'commander';
import { pino } from 'pino';
import { startAgent } from './agent.ts';
import { cleanNode } from './clean.ts';
import { readAgentConfig } from './config.ts';

const program = new Command('caracal-agent').description('The node agent of Caracal.');

program
  .command('run')
  .description('Run until SIGTERM. What is in the kernel stays when the agent stops.')
  .requiredOption('--config <file>', 'the agent configuration, YAML')
  .action(async ({ config: path }: { config: string }) => {
    const config = readAgentConfig(path);
    const logger = pino({ level: config.logLevel, base: { node: config.nodeName } });
    const agent = await startAgent(config, logger);
    const stop = async (signal: string) => {
      logger.info({ signal }, 'stopping');
      await agent.stop();
      process.exit(0);
    };
    process.once('SIGTERM', stop).once('SIGINT', stop);
  });

program
  .command('clean')
  .description('Remove everything of Caracal from this node; pods that still run lose their network.')
  .requiredOption('--config <file>', 'the agent configuration, YAML')
  .option('--stay', 'then wait for SIGTERM, as containers that are kept running must')
  .action(async ({ config: path, stay }: { config: string; stay?: boolean }) => {
    const config = readAgentConfig(path);
    await cleanNode(config, pino({ level: config.logLevel, base: { node: config.nodeName } }));
    if (!stay) return;
    console.log('clean');
    const waiting = setInterval(() => {}, 60_000);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => clearInterval(waiting));
  });

await program.parseAsync().catch((error: Error) => {
  console.error(`caracal-agent: ${error.message}`);
  process.exit(1);
});
