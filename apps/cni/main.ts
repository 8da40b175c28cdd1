import { Command } from 'commander';
import { buildStub } from './build.ts';
import { installCni } from './install.ts';
import { findForeign, findOwn, putBack, setAside } from './take-over.ts';
import { uninstallCni } from './uninstall.ts';

interface InstallFlags {
  folder: string;
  socket: string;
  spool: string;
  netD: string;
  takeOver?: boolean;
}

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
  .option('--net-d <path>', 'where the runtime finds network configurations', '/etc/cni/net.d')
  .option('--take-over', 'set the configurations of other networks aside that the runtime would use in place of ours')
  .action(({ folder, socket, spool, netD, takeOver }: InstallFlags) => {
    installCni({ folder, socketPath: socket, spoolDirectory: spool });
    console.log(`installed caracal and caracal-ipam in ${folder}`);
    const foreign = findForeign(netD, findOwn(netD));
    if (takeOver) setAside(netD, foreign);
    for (const { file, types } of foreign) {
      const what = `${netD}/${file} (${types.join(', ') || 'unreadable'})`;
      console.log(
        takeOver ? `set aside ${what}` : `${what} is used in place of ours, or beside it: --take-over sets it aside`,
      );
    }
  });

program
  .command('uninstall')
  .description('remove the plugins, and put back the configurations that were set aside')
  .option('--folder <path>', 'where the container runtime looks for plugins', '/opt/cni/bin')
  .option('--net-d <path>', 'where the runtime finds network configurations', '/etc/cni/net.d')
  .action(({ folder, netD }: { folder: string; netD: string }) => {
    const back = uninstallCni(folder);
    console.log(`removed caracal and caracal-ipam from ${folder}`);
    for (const name of back) console.log(`put back ${folder}/${name}`);
    for (const file of putBack(netD)) console.log(`put back ${netD}/${file}`);
  });

try {
  program.parse();
} catch (error) {
  // Of the file system, or of the compiler: the message names the file.
  console.error(`caracal-cni: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
