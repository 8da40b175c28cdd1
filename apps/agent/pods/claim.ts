import type { ClaimResult } from '@caracal/ipam';
import type { NodeService } from '@caracal/protocol';
import { type Client, ConnectError } from '@connectrpc/connect';

/** How long a pod may wait for the hub before its ADD is told to try again later. */
const claimWithinMs = 3_000;

export interface Claim {
  readonly pool: string;
  /** When set: the block that it lies in, and no other. */
  readonly address?: string;
  readonly incarnation: string;
  /** The blocks of the pool that the journal has: when an earlier answer was lost, the hub grants that same block again, not one more. */
  readonly held: readonly string[];
  /** Where the node stands in the feed. */
  readonly position: { readonly revision: bigint; readonly nonce: bigint };
}

/** Claims a block of a pool for this node through the hub. */
export async function claimBlock(client: Client<typeof NodeService>, claim: Claim): Promise<ClaimResult> {
  const { pool, address = '', incarnation, held, position } = claim;
  try {
    const { result } = await client.claimBlock(
      { pool, address, incarnation, held: { cidrs: [...held] }, ...position },
      { timeoutMs: claimWithinMs },
    );
    switch (result.case) {
      case 'block':
        return { ok: true, cidr: result.value.cidr, pool: result.value.pool };
      case 'poolFull':
        return { ok: false, reason: 'full', message: `all ${result.value.blocks} blocks of the pool have an owner` };
      case 'taken': {
        const { cidr, node } = result.value;
        return { ok: false, reason: 'taken', message: `${address} lies in block ${cidr}, which node ${node} owns` };
      }
      case 'limit':
        return {
          ok: false,
          reason: 'limit',
          message: `this node has ${result.value.blocks} blocks, as many as its NodeConfiguration lets it have`,
        };
      case 'refused':
        return { ok: false, reason: 'unavailable', message: result.value };
      default:
        return { ok: false, reason: 'unavailable', message: 'the hub answered neither with a block nor with a reason' };
    }
  } catch (error) {
    const { rawMessage } = ConnectError.from(error);
    return { ok: false, reason: 'unavailable', message: `no block from the hub: ${rawMessage}` };
  }
}
