/** Whether addresses, blocks and pools agree with each other, as the hub knows them. */
import {
  type Address,
  comparePrefixes,
  formatAddress,
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixCovers,
} from '@caracal/net';

export interface CheckedPool {
  readonly name: string;
  readonly cidr: string;
}

export interface CheckedBlock {
  readonly cidr: string;
  readonly pool: string;
  readonly node: string;
}

export interface CheckedEndpoint {
  readonly node: string;
  /** `namespace/name` of the pod, or the container's id when it has none. */
  readonly pod: string;
  readonly addresses: readonly Address[];
}

/** One line for each contradiction; empty when all is well. Costs in proportion to endpoints and to the blocks of each one's node. */
export function checkAddresses(
  pools: readonly CheckedPool[],
  blocks: readonly CheckedBlock[],
  endpoints: readonly CheckedEndpoint[],
): string[] {
  return [...checkBlocks(pools, blocks), ...checkEndpoints(blocks, endpoints)];
}

function checkBlocks(pools: readonly CheckedPool[], blocks: readonly CheckedBlock[]): string[] {
  const prefixes = new Map(pools.map((pool) => [pool.name, parsePrefix(pool.cidr)]));
  const lines: string[] = [];
  for (const block of blocks) {
    const pool = prefixes.get(block.pool);
    const prefix = parsePrefix(block.cidr);
    if (!pool) lines.push(`block ${block.cidr} of node ${block.node}: its pool ${block.pool} does not exist`);
    else if (!prefix || !prefixCovers(pool, prefix)) {
      lines.push(`block ${block.cidr} of node ${block.node} lies outside of its pool ${block.pool}`);
    }
  }
  const sorted = blocks
    .flatMap((block) => {
      const prefix = parsePrefix(block.cidr);
      return prefix ? [{ block, prefix }] : [];
    })
    .sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  // Prefixes nest or are disjoint: in this order what overlaps follows what covers it.
  let outer = sorted[0];
  for (const entry of sorted.slice(1)) {
    if (!prefixCovers(outer.prefix, entry.prefix)) outer = entry;
    else {
      lines.push(
        `block ${entry.block.cidr} of node ${entry.block.node} overlaps ${outer.block.cidr} of node ${outer.block.node}`,
      );
    }
  }
  return lines;
}

function checkEndpoints(blocks: readonly CheckedBlock[], endpoints: readonly CheckedEndpoint[]): string[] {
  const byNode = new Map<string, Prefix[]>();
  for (const block of blocks) {
    const prefix = parsePrefix(block.cidr);
    if (prefix) byNode.set(block.node, [...(byNode.get(block.node) ?? []), prefix]);
  }
  const holders = new Map<string, CheckedEndpoint>();
  const lines: string[] = [];
  for (const endpoint of endpoints) {
    for (const address of endpoint.addresses) {
      const text = formatAddress(address);
      const holder = holders.get(text);
      if (holder)
        lines.push(
          `${text} is held twice: by ${holder.pod} on ${holder.node} and by ${endpoint.pod} on ${endpoint.node}`,
        );
      else holders.set(text, endpoint);
      if (byNode.get(endpoint.node)?.some((prefix) => prefixContains(prefix, address))) continue;
      const owner = blocks.find((block) => {
        const prefix = parsePrefix(block.cidr);
        return prefix && prefixContains(prefix, address);
      });
      lines.push(
        owner
          ? `${text} of ${endpoint.pod} on ${endpoint.node} lies in block ${owner.cidr}, which node ${owner.node} owns`
          : `${text} of ${endpoint.pod} on ${endpoint.node} lies in no block`,
      );
    }
  }
  return lines;
}
