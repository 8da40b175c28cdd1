/** Which addresses a Service has from now on. No I/O: what is chosen counts when Postgres has taken it. */
import { wishesFor } from '@caracal/ipam';
import { type Family, familyOf } from '@caracal/net';
import type { AddressBook } from './address-book.ts';
import type { Want } from './want.ts';

export interface Chosen {
  readonly address: string;
  readonly pool: string;
}

export interface Choice {
  /** All that it has from now on, in the order of its families. */
  readonly addresses: readonly Chosen[];
  /** Why it has not all that it wants, a sentence each. */
  readonly problems: readonly string[];
}

/**
 * Of each family what it has, as long as that is what it asks for; else the address that it asks for; else the one that its status has (canonical; the database
 * may have lost that it was given); else the lowest free one of the first pool, by name, that has one. What it has stays when what it asks
 * for instead cannot be given. Who wants all families gets none that is new before each can be had.
 */
export function choose(want: Want, uid: string, inStatus: readonly string[], book: AddressBook): Choice {
  const problems: string[] = [];
  const kept: Chosen[] = [];
  const added: Chosen[] = [];
  const order: Chosen[] = [];
  for (const family of want.families) {
    const held = book.of(uid).find(({ address }) => familyOf(address) === family);
    const found = held && isAskedFor(want, family, held, book) ? held : chooseOne(want, family, uid, inStatus, book);
    if ('problem' in found) problems.push(found.problem);
    const chosen = 'problem' in found ? held : found;
    if (!chosen) continue;
    order.push({ address: chosen.address, pool: chosen.pool });
    (chosen === held ? kept : added).push(order.at(-1)!);
  }
  return { addresses: want.all && problems.length > 0 ? kept : order, problems };
}

function isAskedFor(want: Want, family: Family, { address, pool }: Chosen, book: AddressBook): boolean {
  const asked = want.addresses.find((each) => familyOf(each) === family);
  if (asked !== undefined) return asked === address;
  const named = want.pools[family];
  const cidr = book.pools.find(({ name }) => name === pool)?.cidr;
  return !named || named.some((each) => each === pool || each === cidr);
}

function chooseOne(
  want: Want,
  family: Family,
  uid: string,
  inStatus: readonly string[],
  book: AddressBook,
): Chosen | { readonly problem: string } {
  const result = wishesFor(book.pools, {
    use: 'LoadBalancer',
    families: [family],
    pools: want.pools[family],
    addresses: want.addresses.filter((each) => familyOf(each) === family),
  });
  if (!result.ok) return { problem: result.message };
  const [{ pools, address }] = result.wishes; // one a family
  if (address !== undefined) {
    const obstacle = book.obstacle(address, uid);
    return obstacle ? { problem: `the requested address ${address} ${obstacle}` } : { address, pool: pools[0] };
  }
  for (const before of inStatus) {
    if (familyOf(before) !== family) continue;
    const there = wishesFor(book.pools, { use: 'LoadBalancer', addresses: [before], families: [family] });
    const pool = there.ok ? there.wishes[0].pools[0] : undefined;
    if (pool !== undefined && pools.includes(pool) && !book.obstacle(before, uid)) return { address: before, pool };
  }
  for (const pool of pools) {
    const free = book.lowestFree(pool);
    if (free !== undefined) return { address: free, pool };
  }
  const full = pools.map((pool) => `IPPool/${pool}`).join(', ');
  return { problem: `no address of IPv${family} is free: ${full} ${pools.length === 1 ? 'is' : 'are'} full` };
}
