import type { Address } from '@caracal/net';
import type { Journal } from './journal.ts';
import type { OwnBlocks } from './own-blocks.ts';

/** How the hub answers a claim. */
export type ClaimResult =
  | { readonly ok: true; readonly cidr: string; readonly pool: string }
  | { readonly ok: false; readonly reason: 'full' | 'unavailable' | 'taken' | 'limit'; readonly message: string };

export interface ClaimOptions {
  readonly journal: Journal;
  claimBlock(pool: string, address?: string): Promise<ClaimResult>;
  onBlock(cidr: string): void;
  isReserved(address: Address): boolean;
  readonly claimAheadBelow: number;
  onClaimAheadFailed(pool: string, message: string): void;
}

interface Claims {
  /** One claim of a pool at a time: those who ask meanwhile get the same answer. */
  claim(pool: string, address?: string): Promise<ClaimResult>;
  /** Claims the next block of a pool in the background when it runs low. */
  ahead(pool: string): void;
  /** Runs when no claim is under way, and lets none begin meanwhile. */
  whileNone<T>(work: () => Promise<T>): Promise<T>;
}

/** Claims of blocks: what the hub grants is in the journal before an address of it is used. */
export function createClaims(options: ClaimOptions, blocks: OwnBlocks): Claims {
  const running = new Map<string, Promise<ClaimResult>>();
  let queue: Promise<unknown> = Promise.resolve();

  function whileNone<T>(work: () => Promise<T>): Promise<T> {
    const result = queue.then(work, work);
    queue = result.catch(() => {});
    return result;
  }

  function claim(pool: string, address?: string): Promise<ClaimResult> {
    const key = address === undefined ? pool : `${pool} ${address}`;
    let claiming = running.get(key);
    if (!claiming) {
      claiming = whileNone(() => claimOne(pool, address)).finally(() => running.delete(key));
      running.set(key, claiming);
    }
    return claiming;
  }

  async function claimOne(pool: string, address: string | undefined): Promise<ClaimResult> {
    const result = await options.claimBlock(pool, address);
    if (!result.ok) return result;
    const { cidr, pool: granted } = result;
    // Somebody must decide about it first; to ask again would bring it again.
    if (blocks.isWithheld(cidr))
      return { ok: false, reason: 'unavailable', message: `block ${cidr} is withheld, and the hub has no other` };
    if (blocks.has(cidr)) return result;
    await options.journal.append([{ type: 'block', cidr, pool: granted }], () => blocks.put(cidr, granted));
    options.onBlock(cidr);
    return result;
  }

  return {
    claim,
    whileNone,
    ahead(pool) {
      if (running.has(pool) || blocks.hasFree(pool, options.claimAheadBelow, options.isReserved)) return;
      claim(pool).then(
        (result) => {
          if (!result.ok && result.reason === 'unavailable') options.onClaimAheadFailed(pool, result.message);
        },
        (error: Error) => options.onClaimAheadFailed(pool, error.message),
      );
    },
  };
}
