// What Caracal holds on the nodes and in the database, to compare before and after.
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { kubeconfig, onNode } from './commands.ts';

const caracalctl = fileURLToPath(new URL('../../apps/ctl/caracalctl', import.meta.url));

/** Standard output of caracalctl. */
export const ctl = async (...args: string[]): Promise<string> =>
  (await execa(caracalctl, ['--kubeconfig', kubeconfig, ...args])).stdout;

/** Counts that a leak would raise. */
export interface Footprint {
  readonly addresses: number;
  readonly blocks: readonly string[];
  readonly nodes: Readonly<Record<string, NodeFootprint>>;
}

interface NodeFootprint {
  readonly interfaces: number;
  readonly routes: number;
  readonly chains: number;
  readonly rules: number;
  readonly sets: number;
  readonly members: number;
}

export async function footprint(nodes: readonly string[]): Promise<Footprint> {
  const { blocks }: { blocks: { cidr: string; node: string; used: number }[] } = JSON.parse(
    await ctl('ipam', 'show', '--blocks', '-o', 'json'),
  );
  return {
    addresses: blocks.reduce((sum, { used }) => sum + used, 0),
    blocks: blocks.map(({ cidr, node }) => `${cidr} ${node}`).sort(),
    nodes: Object.fromEntries(await Promise.all(nodes.map(async (name) => [name, await nodeFootprint(name)] as const))),
  };
}

async function nodeFootprint(name: string): Promise<NodeFootprint> {
  const count = (text: string, pattern: RegExp) => text.split('\n').filter((line) => pattern.test(line)).length;
  const [links, routes, rules, sets] = await Promise.all([
    onNode(name, 'ip', '-o', 'link', 'show', 'type', 'veth'),
    onNode(name, 'ip', '-N', 'route', 'show', 'table', 'all'),
    onNode(name, 'iptables-nft-save'),
    onNode(name, 'ipset', 'save'),
  ]);
  return {
    interfaces: count(links, /: cara/),
    routes: count(routes, /proto 20[12]\b/),
    chains: count(rules, /^:cara/i),
    rules: count(rules, /^-A cara/i),
    sets: count(sets, /^create cara/),
    members: count(sets, /^add cara/),
  };
}
