import { type ConnectionOptions, withHub } from '../connection.ts';
import { CommandError, type Io } from '../io.ts';
import { problemLines } from '../report-problems.ts';
import { prefixLengthOf } from './ipam-manage.ts';

/** Nothing new is given out of a pool, and its nodes give up its blocks as they become empty; says what is left. */
export async function poolDrain(name: string, options: ConnectionOptions, io: Io): Promise<void> {
  await withHub(options, io, async (hub) => {
    const [pool] = (await hub.get({ kind: 'IPPool', name })).resources;
    if (!pool) throw new CommandError(`there is no IPPool ${name}`);
    const spec = { ...JSON.parse(pool.specJson), disabled: true };
    const { labels, annotations, apiVersion } = pool;
    const document = { apiVersion, kind: 'IPPool', metadata: { name, labels, annotations }, spec };
    const { problems } = await hub.apply({ documents: [JSON.stringify(document)] });
    if (problems.length > 0) throw new CommandError(problemLines(problems, []).join('\n'));
    const { blocks, usage, serviceAddresses } = await hub.listBlocks({});
    const used = new Map(usage.map((each) => [each.cidr, each.used]));
    const left = blocks.filter((block) => block.pool === name);
    const services = serviceAddresses.filter(({ pool: of }) => of === name);
    if (services.length > 0) {
      const held = services.map((each) => `  ${each.address} of Service ${each.namespace}/${each.name}\n`).join('');
      return void io.out(`IPPool/${name} is disabled; Services have ${services.length} addresses of it:\n${held}`);
    }
    if (left.length === 0)
      return void io.out(`IPPool/${name} is disabled, and no node has a block of it: it can be deleted\n`);
    const lines = left.map(({ cidr, node }) => `  ${cidr} on ${node}: ${used.get(cidr) ?? 0} addresses in use\n`);
    io.out(
      `IPPool/${name} is disabled; ${left.length} blocks are given up as their pods go (run this again to see):\n${lines.join('')}`,
    );
  });
}

/** Replaces a pool by equal parts of it; blocks and pods stay as they are. */
export async function poolSplit(
  name: string,
  options: ConnectionOptions & { readonly into: string },
  io: Io,
): Promise<void> {
  const prefixLength = prefixLengthOf(options.into, name);
  const { problems, pools } = await withHub(options, io, (hub) => hub.splitPool({ pool: name, prefixLength }));
  if (problems.length > 0) throw new CommandError(problemLines(problems, []).join('\n'));
  io.out(`IPPool/${name} is now ${pools.map((pool) => `IPPool/${pool}`).join(', ')}\n`);
}
