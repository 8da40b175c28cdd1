/** The command line: names, options and help. What a command does is loaded when it is called. */
import { Command, CommanderError, Option } from 'commander';
import type { ConnectionOptions } from './connection.ts';
import { CommandError, exitCodes, type Io } from './io.ts';

const afterHelp = `
Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 hub unreachable.
Environment: CARACAL_HUB (unix:/PATH or https://HOST:PORT); CARACAL_CA,
CARACAL_CERT and CARACAL_KEY (files). Without CARACAL_HUB: KUBECONFIG, for the
cluster where Caracal is installed (also as kubectl caracal).`;

/** Runs one command and gives its exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await buildProgram(io).parseAsync(args, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommandError) {
      if (error.message) io.err(`${error.message}\n`);
      return error.exitCode;
    }
    if (!(error instanceof CommanderError)) throw error;
    const asked = ['commander.helpDisplayed', 'commander.version'].includes(error.code);
    return asked ? exitCodes.ok : exitCodes.usage;
  }
}

function buildProgram(io: Io): Command {
  const program = new Command('caracalctl')
    .description('Shows and changes what a Caracal network is configured to do, and explains what it does.')
    .option('--hub <address>', 'the hub, in place of CARACAL_HUB')
    .option('--ca <file>', 'in place of CARACAL_CA')
    .option('--cert <file>', 'in place of CARACAL_CERT')
    .option('--key <file>', 'in place of CARACAL_KEY')
    .option('--kubeconfig <file>', 'the hubs of this cluster, with its Secret caracal-admin')
    .option('--context <name>', 'of the kubeconfig')
    .option('--caracal-namespace <name>', 'where Caracal is installed (default "caracal-system")')
    .option('--timeout <seconds>', 'how long to wait for the hub (default 30)')
    .addHelpText('after', afterHelp)
    // Help is wrapped to 80 columns, whatever the terminal.
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      getOutHelpWidth: () => 80,
      getErrHelpWidth: () => 80,
    })
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .showHelpAfterError('(--help says more)')
    .exitOverride();
  addResourceCommands(program, io);
  addIpamCommands(program, io);
  addNodeCommands(program, io);
  addPolicyCommands(program, io);
  addBackupCommands(program, io);
  return program;
}

/** The options of a command with the global ones. Commander gives them untyped; the type is what `option` above and in the command declare. */
function optionsOf<T extends object>(command: Command): T & ConnectionOptions {
  return command.optsWithGlobals() as T & ConnectionOptions;
}

const files = (required: boolean) => {
  const option = new Option('-f, --filename <file...>', 'files or folders of YAML or JSON; - is standard input');
  return required ? option.makeOptionMandatory() : option;
};
const output = (...choices: string[]) =>
  new Option('-o, --output <format>', 'how to print').choices(choices).default(choices[0]);
const tableOutput = () => output('table', 'wide', 'json', 'yaml');
const namespace = () => new Option('-n, --namespace <name>', 'the namespace (default: "default")');

function addResourceCommands(program: Command, io: Io): void {
  program
    .command('apply')
    .description('store resources: all of the files or, if any is wrong, none')
    .addOption(files(true))
    .option('--dry-run', 'check everything, store nothing')
    .action(async (_options, command: Command) => (await import('./commands/apply.ts')).apply(optionsOf(command), io));
  program
    .command('get')
    .description('show resources of a kind')
    .argument('<kind>', 'e.g. ippools, bgppeers, gnp, knp, pods')
    .argument('[name]')
    .addOption(namespace())
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(tableOutput())
    .action(async (kind: string, name: string | undefined, _options, command: Command) =>
      (await import('./commands/get.ts')).get(kind, name, optionsOf(command), io),
    );
  program
    .command('delete')
    .description('remove a resource, or those that files name')
    .argument('[kind]')
    .argument('[name]')
    .addOption(namespace())
    .addOption(files(false))
    .action(async (kind: string | undefined, name: string | undefined, _options, command: Command) =>
      (await import('./commands/delete.ts')).deleteResources(kind, name, optionsOf(command), io),
    );
  program
    .command('validate')
    .description('check files without a hub')
    .addOption(files(true))
    .action(async (_options, command: Command) =>
      (await import('./commands/validate.ts')).validate(optionsOf(command), io),
    );
  program
    .command('label')
    .description('set (KEY=VALUE) and remove (KEY-) labels of a pod, namespace, service account or node')
    .argument('<kind>', 'pod, namespace, serviceaccount or node')
    .argument('<name>')
    .argument('<change...>', 'KEY=VALUE or KEY-')
    .addOption(namespace())
    .action(async (kind: string, name: string, changes: string[], _options, command: Command) =>
      (await import('./commands/label.ts')).label(kind, name, changes, optionsOf(command), io),
    );
}

function addIpamCommands(program: Command, io: Io): void {
  const ipam = program.command('ipam').description('addresses, blocks and pools');
  ipam
    .command('show')
    .description('how much of each pool is in use')
    .option('--blocks', 'the blocks and who owns them')
    .option('--ip <address>', 'who holds this address')
    .addOption(output('table', 'json', 'yaml'))
    .action(async (_options, command: Command) =>
      (await import('./commands/ipam.ts')).ipamShow(optionsOf(command), io),
    );
  ipam
    .command('check')
    .description('look for addresses, blocks and pools that contradict each other; exit code 1 if any do')
    .addOption(output('table', 'json', 'yaml'))
    .action(async (_options, command: Command) =>
      (await import('./commands/ipam-check.ts')).ipamCheck(optionsOf(command), io),
    );
  const manage = () => import('./commands/ipam-manage.ts');
  ipam
    .command('history')
    .description('who had an address, and whose its block was, newest first')
    .argument('<address>')
    .option('--limit <number>', 'at most so many lines (default 100)')
    .addOption(output('table', 'json', 'yaml'))
    .action(async (address: string, _options, command: Command) =>
      (await manage()).ipamHistory(address, optionsOf(command), io),
    );
  ipam
    .command('release')
    .description('take back a leaked address, or all that a node owns which is off for good')
    .option('--ip <address>', 'its node releases it, unless an interface uses it')
    .option('--node <name>', 'this node is off: its blocks are given to others')
    .option('--former', 'of that node, which lives, only what its earlier incarnations own')
    .action(async (_options, command: Command) => (await manage()).ipamRelease(optionsOf(command), io));
  ipam
    .command('reserve')
    .description('keep addresses from being given out unasked (an IPReservation)')
    .argument('<name>')
    .argument('<cidr...>')
    .action(async (name: string, cidrs: string[], _options, command: Command) =>
      (await manage()).ipamReserve(name, cidrs, optionsOf(command), io),
    );
  ipam
    .command('resume')
    .description('grant blocks after a failover although nodes are missing that have not said what they own')
    .action(async (_options, command: Command) => (await manage()).ipamResume(optionsOf(command), io));
  const pool = program.command('pool').description('pools as a whole');
  pool
    .command('drain')
    .description('give nothing more out of a pool, and show which blocks are still in use')
    .argument('<name>')
    .action(async (name: string, _options, command: Command) =>
      (await import('./commands/pool.ts')).poolDrain(name, optionsOf(command), io),
    );
  pool
    .command('split')
    .description('replace a pool by equal parts; blocks and pods stay as they are')
    .argument('<name>')
    .requiredOption('--into <length>', 'the prefix length of the parts, such as /20')
    .action(async (name: string, _options, command: Command) =>
      (await import('./commands/pool.ts')).poolSplit(name, optionsOf(command), io),
    );
}

function addNodeCommands(program: Command, io: Io): void {
  const node = program.command('node').description('nodes and their agents');
  node
    .command('check')
    .description('what on this very node would stop pods from working, and what to do about it; asks no hub')
    .option('--config <file>', 'of the agent', '/etc/caracal/agent.yaml')
    .option('--net-d <folder>', 'where the runtime finds network configurations', '/etc/cni/net.d')
    .option('--plugins <folder>', 'where it finds plugins', '/opt/cni/bin')
    .addOption(tableOutput())
    .action(async (_options, command: Command) =>
      (await import('./commands/node-check.ts')).nodeCheck(optionsOf(command), io),
    );
  node
    .command('status')
    .description('which nodes are connected, what their kernels enforce, their BGP sessions')
    .addOption(tableOutput())
    .action(async (_options, command: Command) =>
      (await import('./commands/node.ts')).nodeStatus(optionsOf(command), io),
    );
  program
    .command('bgp')
    .description('BGP, as the nodes report it')
    .command('peers')
    .description('sessions: state, routes, last error')
    .option('--node <name>', 'of this node only')
    .addOption(tableOutput())
    .action(async (_options, command: Command) => (await import('./commands/bgp.ts')).bgpPeers(optionsOf(command), io));
}

function addPolicyCommands(program: Command, io: Io): void {
  const policy = program.command('policy').description('why a flow is allowed or denied');
  const flow = (command: Command) =>
    command
      .option('--from <endpoint>', 'NAMESPACE/POD or an address')
      .option('--to <endpoint>', 'NAMESPACE/POD or an address')
      .option('--protocol <name>', 'TCP, UDP, SCTP, ICMP or a number (default TCP)')
      .option('--port <number>', 'destination port')
      .option('--flows <file>', 'a JSON array of {from, to, protocol, port}, in place of one flow; - is standard input')
      .addOption(output('text', 'json'));
  flow(policy.command('explain'))
    .description('the verdict on a flow, and the policy and rule that decide it')
    .action(async (_options, command: Command) =>
      (await import('./commands/policy.ts')).explainFlows(optionsOf(command), io),
    );
  flow(policy.command('what-if'))
    .description('the verdict if the resources of files were applied; nothing is')
    .addOption(files(true))
    .action(async (_options, command: Command) =>
      (await import('./commands/policy.ts')).whatIf(optionsOf(command), io),
    );
}

function addBackupCommands(program: Command, io: Io): void {
  const command = (name: string) =>
    program
      .command(name)
      .requiredOption('--file <file>', 'the backup')
      .option('--database-url-file <file>', 'holds the URL, in place of CARACAL_DATABASE_URL')
      .option('--pg-bin <folder>', "where pg_dump and pg_restore of the server's version are");
  command('backup')
    .description('write the database to a file, by pg_dump')
    .action(async (_options, command: Command) =>
      (await import('./commands/backup.ts')).backup(optionsOf(command), io),
    );
  command('restore')
    .description('compare a backup with the database; with --enforce put it in its place, once the hubs are stopped')
    .option('--enforce', 'not only compare')
    .action(async (_options, command: Command) =>
      (await import('./commands/backup.ts')).restore(optionsOf(command), io),
    );
}
