import './thread-pool.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { kubeApi, serviceAccount } from '@caracal/kube';
import { Command } from 'commander';
import { pino } from 'pino';
import { startAgent } from './agent.ts';
import { enrol } from './certificate/enrol.ts';
import { cleanNode } from './clean.ts';
import { readAgentConfig } from './config.ts';
import { cleanMark, retire } from './kubernetes/retire.ts';
import { listenToSteps } from './steps.ts';

interface RetireFlags {
  namespace: string;
  daemonset: string;
  timeout: string;
  config: string;
  apiServer?: string[];
}

const program = new Command('caracal-agent').description('The node agent of Caracal.');

program
  .command('run')
  .description('Run until SIGTERM. What is in the kernel stays when the agent stops.')
  .requiredOption('--config <file>', 'the agent configuration, YAML')
  .action(async ({ config: path }: { config: string }) => {
    const config = readAgentConfig(path);
    const logger = pino({ level: config.logLevel, base: { node: config.nodeName } });
    listenToSteps(process.env);
    const agent = await startAgent(config, logger);
    let stopping = false;
    const stop = async (signal: string) => {
      if (stopping) return;
      stopping = true;
      logger.info({ signal }, 'stopping');
      await agent.stop();
      process.exit(0);
    };
    // Not `once`: where no other listener is left, that of execa ends the process at once when a command of ours is running.
    process.on('SIGTERM', stop).on('SIGINT', stop);
  });

program
  .command('enrol')
  .description("Get this node its certificate by a token of a hub's.")
  .requiredOption('--config <file>', 'the agent configuration, YAML')
  .requiredOption('--token-file <file>', 'what `caracal hub token` printed')
  .action(async ({ config: path, tokenFile }: { config: string; tokenFile: string }) => {
    const config = readAgentConfig(path);
    await enrol(config, readFileSync(tokenFile, 'utf8'));
    console.log(`node ${config.nodeName} is enrolled`);
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
    writeFileSync(cleanMark, '');
    const waiting = setInterval(() => {}, 60_000);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => clearInterval(waiting));
  });

program
  .command('retire')
  .description('Have every node of a cluster cleaned by the pods of the DaemonSet.')
  .requiredOption('--namespace <name>', 'of the DaemonSet')
  .option('--daemonset <name>', 'of the agents', 'caracal-node')
  .option('--timeout <seconds>', 'nodes that are away do not keep it longer', '240')
  .option('--config <file>', 'the agent configuration in its pods', '/etc/caracal/agent.yaml')
  .option('--api-server <url...>', "by default what the pod's environment says")
  .action(async (options: RetireFlags) => {
    const api = kubeApi(serviceAccount({ apiServers: options.apiServer }), 'caracal-retire');
    const { namespace, daemonset: name, config } = options;
    const logger = pino();
    await retire({ api, namespace, name, config, timeoutMs: Number(options.timeout) * 1000, logger });
  });

await program.parseAsync().catch((error: Error) => {
  console.error(`caracal-agent: ${error.message}`);
  process.exit(1);
});
