import { formatAddress, type Prefix, parseAddress, parsePrefix, prefixContains, prefixSize } from '@caracal/net';
import type { Block, Endpoint, ServiceAddress } from '@caracal/protocol';
import { type ConnectionOptions, type Hub, withHub } from '../connection.ts';
import { gatewayOf } from '../gateway-of.ts';
import { type Io, usageError } from '../io.ts';
import { type OutputFormat, writeStructured } from '../output/structured.ts';
import { formatTable } from '../output/table.ts';

export interface ShowOptions extends ConnectionOptions {
  readonly blocks?: boolean;
  readonly ip?: string;
  readonly output: OutputFormat;
}

interface Pool {
  readonly name: string;
  readonly cidr: string;
  readonly blockSize: number;
  /** Its addresses are given to Services one by one. */
  readonly isForServices: boolean;
}

/** Pools and how much of them pods and Services use; with `blocks` the blocks; with `ip` who holds one address. */
export async function ipamShow(options: ShowOptions, io: Io): Promise<void> {
  if (options.ip !== undefined) return showAddress(options.ip, options, io);
  const { pools, blocks, used, services } = await withHub(options, io, readUsage);
  const structured = options.output === 'json' || options.output === 'yaml' ? options.output : undefined;
  if (options.blocks) {
    const rows = blocks.map((block) => ({
      ...blockRow(block),
      used: used.get(block.cidr) ?? 0,
      size: sizeOf(block.cidr),
    }));
    if (structured) return writeStructured(io, structured, { blocks: rows });
    if (rows.length === 0) return void io.err('no node has claimed a block yet\n');
    return void io.out(
      formatTable(rows, [
        { title: 'BLOCK', cell: (row) => row.cidr },
        { title: 'POOL', cell: (row) => row.pool },
        { title: 'NODE', cell: (row) => row.node },
        { title: 'USED', cell: (row) => row.used },
        { title: 'OF', cell: (row) => shortNumber(row.size) },
      ]),
    );
  }
  const rows = pools.map((pool) => {
    const own = blocks.filter((block) => block.pool === pool.name);
    const capacity = sizeOf(pool.cidr);
    return {
      pool: pool.name,
      cidr: pool.cidr,
      blocks: own.length,
      ofBlocks: pool.isForServices ? 0 : 2 ** (pool.blockSize - (parsePrefix(pool.cidr)?.length ?? 0)),
      used:
        own.reduce((sum, block) => sum + (used.get(block.cidr) ?? 0), 0) +
        services.filter(({ pool: of }) => of === pool.name).length,
      capacity,
    };
  });
  if (structured) return writeStructured(io, structured, { pools: rows });
  if (rows.length === 0) return void io.err('there is no IPPool: apply one, so that pods get addresses\n');
  io.out(
    formatTable(rows, [
      { title: 'POOL', cell: (row) => row.pool },
      { title: 'CIDR', cell: (row) => row.cidr },
      { title: 'BLOCKS', cell: (row) => (row.ofBlocks > 0 ? `${row.blocks} of ${shortNumber(row.ofBlocks)}` : 'none') },
      { title: 'USED', cell: (row) => row.used },
      { title: 'CAPACITY', cell: (row) => shortNumber(row.capacity) },
      { title: 'FREE', cell: (row) => percent((row.capacity - row.used) / row.capacity) },
    ]),
  );
}

async function showAddress(text: string, options: ShowOptions, io: Io): Promise<void> {
  const address = parseAddress(text);
  if (!address) throw usageError(`--ip ${text}: that is no IP address`);
  const { pools, blocks, services, endpoints } = await withHub(options, io, async (hub) => ({
    ...(await readUsage(hub)),
    endpoints: (await hub.listEndpoints({ address: formatAddress(address) })).endpoints,
  }));
  const within = (cidr: string) => prefixContains(prefixOrThrow(cidr), address);
  const pool = pools.find(({ cidr }) => within(cidr));
  const block = blocks.find(({ cidr }) => within(cidr));
  const holders = endpoints.map((endpoint) => ({
    pod: podName(endpoint),
    uid: endpoint.podUid,
    node: endpoint.node,
    interface: endpoint.interface,
    containerId: endpoint.containerId,
  }));
  const held = services.find((each) => each.address === formatAddress(address));
  const service = held && { namespace: held.namespace, name: held.name, uid: held.uid };
  const found = { address: formatAddress(address), pool, block: block && blockRow(block), holders, service };
  if (options.output === 'json' || options.output === 'yaml') return writeStructured(io, options.output, found);
  const lines = [
    pool ? `pool ${pool.name} (${pool.cidr})` : 'in no pool',
    ...(service && !block
      ? []
      : [block ? `block ${block.cidr}, which node ${block.node} owns` : 'in no block that a node has claimed']),
    ...(service ? [`held by Service ${service.namespace}/${service.name}`] : []),
    ...(holders.length === 0 && !service ? ['held by no pod'] : []),
    ...holders.map((holder) => {
      if (gatewayOf(holder.containerId)) return `held by ${holder.pod} on ${holder.node}`;
      const container = holder.containerId.slice(0, 12);
      return `held by ${holder.pod} on ${holder.node}, interface ${holder.interface} of container ${container}`;
    }),
  ];
  io.out(`${found.address}\n${lines.map((line) => `  ${line}\n`).join('')}`);
}

interface PoolSpec {
  readonly cidr: string;
  readonly blockSize: number;
  readonly allowedUses: readonly string[];
}

interface Usage {
  readonly pools: readonly Pool[];
  readonly blocks: readonly Block[];
  readonly used: ReadonlyMap<string, number>;
  readonly services: readonly ServiceAddress[];
}

async function readUsage(hub: Hub): Promise<Usage> {
  const [got, listed] = await Promise.all([hub.get({ kind: 'IPPool' }), hub.listBlocks({})]);
  const pools = got.resources.map(({ name, specJson }): Pool => {
    // As the schema of IPPool has it.
    const { cidr, blockSize, allowedUses } = JSON.parse(specJson) as PoolSpec;
    return { name, cidr, blockSize, isForServices: allowedUses.includes('LoadBalancer') };
  });
  const used = new Map(listed.usage.map((usage) => [usage.cidr, usage.used]));
  return { pools, blocks: listed.blocks, used, services: listed.serviceAddresses };
}

function blockRow({ cidr, pool, node }: Block) {
  return { cidr, pool, node };
}

function podName(endpoint: Endpoint): string {
  const gateway = gatewayOf(endpoint.containerId);
  if (gateway) return `the gateway of network ${gateway}`;
  return endpoint.podName ? `${endpoint.podNamespace}/${endpoint.podName}` : endpoint.containerId.slice(0, 12);
}

function sizeOf(cidr: string): number {
  return prefixSize(prefixOrThrow(cidr));
}

function prefixOrThrow(cidr: string): Prefix {
  const prefix = parsePrefix(cidr);
  if (!prefix) throw new Error(`the hub sent ${cidr} as a CIDR`);
  return prefix;
}

/** Numbers up to seven digits as they are, larger powers of two as such. */
function shortNumber(value: number): number | string {
  return value < 10_000_000 ? value : `2^${Math.round(Math.log2(value))}`;
}

function percent(part: number): string {
  return `${(Math.floor(part * 1000) / 10).toFixed(1)}%`;
}
