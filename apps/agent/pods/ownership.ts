import type { NodeIpam } from '@caracal/ipam';
import type { NodeService } from '@caracal/protocol';
import { type Client, ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';

const timeoutMs = 5_000;
const retryMs = 3_000;
const everyMs = 60_000;

export interface OwnershipOptions {
  readonly ipam: NodeIpam;
  readonly logger: Logger;
  /** What a re-imaged machine says again and no other does; empty when unknown. */
  readonly machine: string;
  client(): Client<typeof NodeService>;
  position(): { readonly revision: bigint; readonly nonce: bigint };
  /** A block is claimed when fewer addresses of a pool than these are free. */
  readonly claimAheadBelow: number;
  /** Whether pods of this node may draw from a pool. */
  isPoolUsable(pool: string): boolean;
  /** Blocks have come or gone. */
  onBlocks(): void;
}

/**
 * Who owns what, between this node and the hub: the node says what its journal has when it reaches a hub, gives empty blocks up that
 * it does not need, and gives out nothing when the hub says that it is somebody else, or that a block is another's.
 */
export interface Ownership {
  /** A hub has been reached, or its feed says something about blocks that may concern us. */
  assert(): void;
  stop(): void;
}

export function createOwnership(options: OwnershipOptions): Ownership {
  const { ipam, logger } = options;
  let enabled = false;
  let stopped = false;
  let due: NodeJS.Timeout | undefined;
  let told = '';

  function assertIn(ms: number): void {
    if (stopped) return;
    clearTimeout(due);
    due = setTimeout(() => void ipam.whileNoClaim(round), ms).unref();
  }

  async function round(): Promise<void> {
    if (!enabled || stopped) return;
    const next = await assertOnce().catch((error: unknown) => {
      logger.debug({ reason: ConnectError.from(error).rawMessage }, 'no hub could be told what this node owns');
      return retryMs;
    });
    assertIn(next);
  }

  /** Answers with the time until the next. */
  async function assertOnce(): Promise<number> {
    await giveUp();
    const blocks = ipam.blocks().map(({ cidr, pool }) => ({ cidr, pool }));
    const { incarnation } = ipam;
    const { result } = await options
      .client()
      .assertBlocks({ incarnation, machine: options.machine, blocks, ...options.position() }, { timeoutMs });
    switch (result.case) {
      case 'fenced':
      case 'otherAlive':
        ipam.suspend(result.value);
        tell(result.value, () => logger.error({ incarnation, reason: result.value }, 'this node gives out no address'));
        return result.case === 'fenced' ? everyMs : retryMs;
      case 'asserted': {
        ipam.suspend(undefined);
        const { conflicts, stranded } = result.value;
        const own = new Set(blocks.map(({ cidr }) => cidr));
        // What the journal did not know of may be in use: nothing is given out of it, and it goes when the hub sees nothing in it.
        const unknown = result.value.blocks.filter(({ cidr }) => !own.has(cidr)).map(({ cidr }) => cidr);
        await ipam.adopt(result.value.blocks);
        ipam.withhold([...conflicts.map(({ cidr }) => cidr), ...unknown]);
        tell(JSON.stringify([conflicts, stranded, unknown]), () => {
          for (const { cidr, node } of conflicts)
            logger.error(
              { block: cidr, owner: node },
              'another node owns this block too: nothing more is given out of it',
            );
          for (const { cidr } of stranded)
            logger.warn({ block: cidr }, 'an earlier incarnation of this node owns this block');
          for (const cidr of unknown)
            logger.error({ block: cidr }, 'the hub has pods in a block that the journal lacks');
        });
        if (unknown.length > 0) options.onBlocks();
        return everyMs;
      }
      default:
        return everyMs;
    }
  }

  /** Empty blocks of pools that are not for this node any more, and those that a pool can do without: twice what a claim would ask for. */
  async function giveUp(): Promise<void> {
    const free = new Map<string, number>();
    for (const block of ipam.blocks()) free.set(block.pool, (free.get(block.pool) ?? 0) + block.free);
    const given = await ipam.giveUp((block) => {
      if (block.used > 0) return false;
      const others = (free.get(block.pool) ?? 0) - block.free;
      if (options.isPoolUsable(block.pool) && others < Math.max(1, 2 * options.claimAheadBelow)) return false;
      free.set(block.pool, others);
      return true;
    });
    if (given.length === 0) return;
    logger.info({ blocks: given }, 'empty blocks given up');
    options.onBlocks();
  }

  function tell(what: string, say: () => void): void {
    if (what !== told) say();
    told = what;
  }

  return {
    assert() {
      enabled = true;
      assertIn(0);
    },
    stop() {
      stopped = true;
      clearTimeout(due);
    },
  };
}
