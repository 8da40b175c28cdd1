import { spawn } from 'node:child_process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { baseEnv } from './commands.ts';
import { downLab, type Lab, openLab, type UpOptions, upLab } from './index.ts';
import { type Part, placeNetns } from './lab.ts';
import { inNetns } from './namespaces.ts';
import { renderStatus } from './render.ts';

const note = (line: string) => process.stderr.write(`${line}\n`);
const json = (value: unknown) => process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);

const program = new Command('lab')
  .description('A Caracal network on one machine: nodes, hub, router and client as network namespaces')
  .showHelpAfterError('(lab --help lists the commands)');

/** A command that works on the lab named by --name. */
const command = (parent: Command, signature: string, description: string) =>
  parent.command(signature).description(description).option('--name <lab>', 'name of the lab', 'lab');

command(program, 'up', 'build a lab (a leftover one of that name is removed first)')
  .option('--nodes <n>', 'number of nodes', wholeNumber, 3)
  .addOption(new Option('--tor <kind>', 'top-of-rack router').choices(['bird', 'none']).default('bird'))
  .option('--bare', 'apply no resources: no pool, no BGP', false)
  .option('--json', 'print the status as JSON', false)
  .action(async (options: UpOptions & { json: boolean }) => {
    const abort = new AbortController();
    const interrupted = (signal: NodeJS.Signals) => abort.abort(new Error(`interrupted by ${signal}`));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupted);
    const lab = await upLab({ ...options, onProgress: note, signal: abort.signal });
    if (options.json) json(await lab.status());
    else note(`lab ${lab.name} is up; \`npm run lab -- status\` shows it`);
  });

command(program, 'down', 'remove a lab, in whatever state it is').action(async ({ name }) => {
  note((await downLab(name)) ? `lab ${name} is removed` : `there is no lab ${name}`);
});

command(program, 'status', 'show nodes, pods and addresses')
  .option('--json', 'as one JSON object', false)
  .action(async (options) => {
    const status = await (await openLab(options.name)).status();
    if (options.json) json(status);
    else process.stdout.write(renderStatus(status));
  });

command(program, 'env', 'print what caracalctl needs, for eval').action(async ({ name }) => {
  for (const [key, value] of Object.entries((await openLab(name)).env()))
    process.stdout.write(`export ${key}=${value}\n`);
});

command(program, 'exec <where> <command...>', 'run a command in a node, pod, client, tor or hub')
  .usage('[--name LAB] NODE|POD|client|tor|hub -- CMD…')
  .action(async (where: string, words: string[], { name }) => {
    const netns = await placeNetns((await openLab(name)).topology, where);
    process.exitCode = await runHere(...inNetns(netns, words[0], words.slice(1)));
  });

const pod = program.command('pod').description('start, label and remove pods');

command(pod, 'add <node> <pod>', 'start a pod through the CNI executable')
  .option('--namespace <ns>', 'Kubernetes namespace', 'default')
  .option('--labels <k=v,…>', 'labels', labelList, {})
  .option('--json', 'print the pod as JSON', false)
  .action(async (node: string, podName: string, { name, namespace, labels, json: asJson }) => {
    const added = await (await openLab(name)).pod.add({ node, name: podName, namespace, labels });
    if (asJson) json(added);
    else process.stdout.write(`${added.ips.join(' ')}\n`);
  });

command(pod, 'label <pod> <labels...>', 'change labels, K=V each; K= removes one')
  .option('--namespace <ns>', 'Kubernetes namespace')
  .action(async (podName: string, labels: string[], { name, namespace }) => {
    await (await openLab(name)).pod.label(reference(podName, namespace), labelList(labels.join(',')));
  });

command(pod, 'rm <pod>', 'end a pod')
  .option('--namespace <ns>', 'Kubernetes namespace')
  .action(async (podName: string, { name, namespace }) => {
    await (await openLab(name)).pod.remove(reference(podName, namespace));
  });

const actions = ['stop', 'start', 'kill'] as const;

for (const kind of ['agent', 'bgp'] as const) {
  const group = program.command(kind).description(`stop, start or kill a node's ${kind}`);
  for (const action of actions) {
    command(group, `${action} <node>`, `${action} it`).action(async (node: string, { name }) => {
      await act((await openLab(name))[kind](node), action, `${kind} of ${node}`);
    });
  }
}

for (const kind of ['hub', 'database'] as const) {
  const group = program.command(kind).description(`stop, start or kill the ${kind}`);
  for (const action of actions) {
    command(group, action, `${action} it`).action(async ({ name }) => {
      const lab: Lab = await openLab(name);
      await act(lab[kind], action, kind);
    });
  }
}

async function act(part: Part, action: (typeof actions)[number], what: string): Promise<void> {
  if (action === 'start') await part.start();
  else if (!(await part[action]())) note(`${what} did not run`);
}

function reference(podName: string, namespace: string | undefined): string {
  return namespace ? `${namespace}/${podName}` : podName;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Not a whole number.');
  return Number(text);
}

function labelList(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => /^([^=\s]+)=(\S*)$/.exec(pair));
  if (pairs.includes(null)) throw new InvalidArgumentError(`${JSON.stringify(text)} is not K=V,K=V.`);
  return Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1], pair[2]]] : [])));
}

/** Runs a command on our terminal. @returns its exit code, 128 + n after signal n as a shell says it */
function runHere(file: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, PATH: baseEnv.PATH } });
    // The terminal sends these to the command too: it decides.
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, () => {});
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      resolve(code ?? (signal === 'SIGKILL' ? 137 : signal === 'SIGINT' ? 130 : 143)),
    );
  });
}

try {
  await program.parseAsync();
} catch (error) {
  note(`lab: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
