import type { NodeIpam } from '@caracal/ipam';
import type { Asserted, NodeService } from '@caracal/protocol';
import type { Client } from '@connectrpc/connect';

const timeoutMs = 5_000;

export interface AssertParts {
  readonly ipam: NodeIpam;
  /** What a re-imaged machine says again and no other does; empty when unknown. */
  readonly machine: string;
  client(): Client<typeof NodeService>;
  position(): { readonly revision: bigint; readonly nonce: bigint };
  /** A block is claimed when fewer addresses of a pool than these are free. */
  readonly claimAheadBelow: number;
  /** Whether pods of this node may draw from a pool. */
  isPoolUsable(pool: string): boolean;
}

export type AssertOutcome =
  /** The hub knows what we own; `came` and `went` are blocks that are ours since, or no longer. */
  | {
      readonly kind: 'asserted';
      readonly answer: Asserted;
      readonly came: readonly string[];
      readonly went: readonly string[];
    }
  /** This node owns nothing: for good, or until the other machine of its name is silent. */
  | { readonly kind: 'fenced' | 'otherAlive'; readonly reason: string };

/**
 * Tells the hub once what the journal has, and does what it answers: gives nothing out of what is another's, or at all when this node is
 * not the one that counts. Before that empty blocks are given up that are not needed. Throws when no hub answers. To be called while no
 * block is claimed.
 */
export async function assertBlocks(parts: AssertParts): Promise<AssertOutcome> {
  const { ipam, machine } = parts;
  const went = await giveUp(parts);
  const before = new Set(ipam.blocks().map(({ cidr }) => cidr));
  const blocks = ipam.blocks().flatMap(({ cidr, pool, unsure }) => (unsure ? [] : [{ cidr, pool }]));
  const { incarnation } = ipam;
  const request = { incarnation, machine, blocks, ...parts.position() };
  const { result } = await parts.client().assertBlocks(request, { timeoutMs });
  if (result.case !== 'asserted') {
    const reason = result.value ?? 'the hub does not say who owns the blocks of this node';
    ipam.suspend(reason);
    return { kind: result.case ?? 'otherAlive', reason };
  }
  ipam.suspend(undefined);
  await ipam.adopt(result.value.blocks);
  ipam.withhold(result.value.conflicts.map(({ cidr }) => cidr));
  const after = new Set(ipam.blocks().map(({ cidr }) => cidr));
  const came = [...after].filter((cidr) => !before.has(cidr));
  return {
    kind: 'asserted',
    answer: result.value,
    came,
    went: [...went, ...[...before].filter((cidr) => !after.has(cidr))],
  };
}

/** Empty blocks of pools that are not for this node any more, and those that a pool can do without: twice what a claim would ask for. */
function giveUp({ ipam, isPoolUsable, claimAheadBelow }: AssertParts): Promise<string[]> {
  const free = new Map<string, number>();
  for (const block of ipam.blocks()) free.set(block.pool, (free.get(block.pool) ?? 0) + block.free);
  return ipam.giveUp((block) => {
    if (block.used > 0) return false;
    const others = (free.get(block.pool) ?? 0) - block.free;
    if (isPoolUsable(block.pool) && others < Math.max(1, 2 * claimAheadBelow)) return false;
    free.set(block.pool, others);
    return true;
  });
}
