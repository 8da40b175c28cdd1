import { CommandError, type Io } from '../io.ts';
import { checkCni } from '../node-check/cni.ts';
import { type Finding, ok, problem, read } from '../node-check/host.ts';
import { checkAbilities, checkPrograms, checkSysctls } from '../node-check/kernel.ts';
import { checkAddress, findUplinks, listInterfaces } from '../node-check/network.ts';
import { checkRules } from '../node-check/rules.ts';
import { coloursOf } from '../output/colours.ts';
import { type OutputFormat, writeStructured } from '../output/structured.ts';
import { formatTable } from '../output/table.ts';

export interface NodeCheckOptions {
  readonly output: OutputFormat;
  readonly config: string;
  readonly netD: string;
  readonly plugins: string;
}

/** What on this very node would stop pods from working, and what to do about it. Ends with 1 when something would. */
export async function nodeCheck(options: NodeCheckOptions, io: Io): Promise<void> {
  const findings = await look(options, io);
  if (options.output === 'json' || options.output === 'yaml') {
    await writeStructured(io, options.output, { findings });
  } else {
    const colours = coloursOf(io);
    const paint = { ok: colours.green, warning: colours.yellow, problem: colours.red };
    io.out(
      formatTable(
        findings,
        [
          { title: 'CHECK', cell: ({ check }) => check },
          { title: 'STATE', cell: ({ state }) => paint[state](state) },
          { title: 'FOUND', cell: ({ found }) => found },
        ],
        ({ remedy }) => (remedy ? [`remedy: ${remedy}`] : []),
      ),
    );
  }
  const problems = findings.filter(({ state }) => state === 'problem').length;
  if (problems > 0) throw new CommandError(`${problems} ${problems === 1 ? 'thing stops' : 'things stop'} pods here`);
}

async function look({ config, netD, plugins }: NodeCheckOptions, io: Io): Promise<Finding[]> {
  const [settings, interfaces, uplinks] = await Promise.all([
    readSettings(config, io),
    listInterfaces(),
    findUplinks(),
  ]);
  return [
    process.getuid?.() === 0 ? ok('user', 'root') : problem('user', 'not root: much cannot be seen', 'run it as root'),
    ...checkPrograms(),
    ...(await checkAbilities()),
    ...(await checkRules()),
    ...checkSysctls(uplinks),
    ...checkAddress(settings, interfaces, uplinks),
    ...(await checkCni({ netD, plugins })),
  ];
}

/** What of the agent's configuration matters here; what is wrong in it the agent says itself. */
async function readSettings(file: string, { env }: Io): Promise<{ address?: string; source: string; mtu: number }> {
  const { parse } = await import('yaml');
  const document = parse(read(file) ?? '') as { nodeAddress?: string; mtu?: number } | null; // of anybody
  const mtu = document?.mtu ?? 1500;
  if (document?.nodeAddress) return { address: document.nodeAddress, source: `nodeAddress in ${file}`, mtu };
  if (env.CARACAL_NODE_ADDRESS) return { address: env.CARACAL_NODE_ADDRESS, source: 'CARACAL_NODE_ADDRESS', mtu };
  return { source: file, mtu };
}
