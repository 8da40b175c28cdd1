import { Command } from 'commander';
import { buildStub } from './build.ts';
import { installCni } from './install.ts';

const program = new Command('caracal-cni').description('Compiles and installs the CNI executable');

program
  .command('build')
  .description('compile the executable if its source is newer')
  .action(() => console.log(buildStub()));

program
  .command('install')
  .description('install the plugins caracal and caracal-ipam')
  .option('--folder <path>', 'where the container runtime looks for plugins', '/opt/cni/bin')
  .option('--socket <path>', "the agent's socket", '/run/caracal/cni.sock')
  .option('--spool <path>', 'where a DEL without an agent is kept', '/run/caracal/spool')
  .action(({ folder, socket, spool }: { folder: string; socket: string; spool: string }) => {
    installCni({ folder, socketPath: socket, spoolDirectory: spool });
    console.log(`installed caracal and caracal-ipam in ${folder}`);
  });

program.parse();
