#!/usr/bin/env node
import { Command, Option } from 'commander';
import pino from 'pino';
import { addDecodeCommand } from './decode.ts';
import { addPlanCommand } from './plan-command.ts';
import { defaultSocket } from './protocol.ts';
import { run } from './run.ts';
import { ask, formatTable } from './show.ts';

interface RunFlags {
  socket: string;
  kernel: boolean;
  state?: string;
  config?: string;
  routerId?: string;
  onSigterm: 'leave' | 'restart';
}

interface ShowFlags {
  socket: string;
  output: 'table' | 'json';
  why?: boolean;
  peer?: string;
  prefix?: string;
}

const program = new Command('caracal-bgp').description('The BGP speaker of Caracal');

program
  .command('run')
  .description('speak BGP, configured over the control socket or by a file')
  .option('--socket <path>', 'control socket', defaultSocket)
  .option('--state <file>', 'configured over the socket: where the last configuration is kept')
  .option(
    '--config <file>',
    'configured by YAML resources (BGPConfiguration, BGPPeer, BGPFilter), read again on change',
  )
  .option('--router-id <address>', 'BGP Identifier, with --config')
  .option('--kernel', 'write best routes to the kernel', false)
  .addOption(
    new Option('--on-sigterm <what>', 'leave for good, or end so that the next run goes on, as SIGUSR2 does')
      .choices(['leave', 'restart'])
      .default('leave'),
  )
  .action(async (options: RunFlags) => {
    const { socket, kernel, state, config, routerId, onSigterm } = options;
    if ((state === undefined) === (config === undefined)) throw new Error('use one of --state and --config');
    const source = config === undefined ? { state: state ?? '' } : { config, routerId };
    const logger = pino({ name: 'caracal-bgp' });
    const running = await run({ socket, kernel, source }, logger);
    process.on('SIGHUP', () => running.reload());
    let ending = false;
    const end = (signal: string, kind: 'leave' | 'restart') => {
      if (ending) return;
      ending = true;
      logger.info({ signal }, kind === 'leave' ? 'leaving for good' : 'ending for a restart: routes stay');
      const ended = kind === 'leave' ? running.stop() : running.suspend();
      void ended.then(() => process.exit(0));
    };
    process.on('SIGTERM', (signal) => end(signal, onSigterm));
    process.on('SIGINT', (signal) => end(signal, 'leave'));
    process.on('SIGUSR2', (signal) => end(signal, 'restart'));
  });

const output = new Option('-o, --output <format>', 'output format').choices(['table', 'json']).default('table');

for (const [what, about] of [
  ['peers', 'the peers and the state of their sessions'],
  ['routes', 'every path, and which is best (*)'],
  ['advertised', 'what a peer was told'],
  ['received', 'what a peer has announced'],
  ['attributes', 'the sets of path attributes, and how many prefixes and paths share each'],
  ['memory', 'what tables, buffers and the process hold and occupy'],
] as const) {
  const show = program.commands.find((command) => command.name() === 'show') ?? program.command('show');
  show.description('show the state of a running speaker');
  const command = show.command(what).description(about);
  if (what === 'routes') command.option('--why', 'which step of the decision process chose or dropped each path');
  if (what === 'advertised' || what === 'received') command.argument('<peer>', 'the name of a peer');
  if (what === 'attributes') {
    command.option('--peer <name>', 'only of paths from this peer, or `local`');
    command.option('--prefix <cidr>', 'only of paths to this prefix and to those within it');
  }
  command
    .option('--socket <path>', 'control socket', defaultSocket)
    .addOption(output)
    .action(async () => {
      const options = command.opts<ShowFlags>();
      const { why, prefix } = options;
      const reply = await ask(options.socket, {
        type: 'show',
        what,
        peer: command.args[0] ?? options.peer,
        why,
        prefix,
      });
      const text =
        options.output === 'json' ? JSON.stringify(reply.rows, undefined, 2) : formatTable(reply, Date.now());
      process.stdout.write(`${text}\n`);
    });
}

addDecodeCommand(program);
addPlanCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`caracal-bgp: ${error instanceof Error ? error.message : String(error)}\n`);
  // A command whose codes mean something has set its own.
  process.exitCode ??= 1;
}
