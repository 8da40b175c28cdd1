import type { ClaimResult } from '@caracal/ipam';
import type { NodeService } from '@caracal/protocol';
import { type Client, ConnectError } from '@connectrpc/connect';

/** How long a pod may wait for the hub before its ADD is told to try again later. */
const claimWithinMs = 3_000;

/**
 * Claims a block of a pool for this node through the hub. `held` are the blocks of the pool that the journal has: when an
 * earlier answer was lost, the hub grants that same block again instead of one more.
 */
export async function claimBlock(
  client: Client<typeof NodeService>,
  pool: string,
  incarnation: string,
  held: readonly string[],
): Promise<ClaimResult> {
  try {
    const { result } = await client.claimBlock(
      { pool, incarnation, held: { cidrs: [...held] } },
      { timeoutMs: claimWithinMs },
    );
    if (result.case === 'block') return { ok: true, cidr: result.value.cidr, pool: result.value.pool };
    if (result.case === 'poolFull') {
      return { ok: false, reason: 'full', message: `all ${result.value.blocks} blocks of the pool have an owner` };
    }
    return { ok: false, reason: 'unavailable', message: 'the hub answered neither with a block nor with a full pool' };
  } catch (error) {
    const { rawMessage } = ConnectError.from(error);
    return { ok: false, reason: 'unavailable', message: `no block from the hub: ${rawMessage}` };
  }
}
