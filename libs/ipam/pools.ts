import { familyOf, formatAddress, parseAddress, parsePrefix, prefixContains } from '@caracal/net';

type Family = 4 | 6;

/** What the choice of a pool looks at: the fields of an IPPool's spec, with the selectors evaluated by the caller. */
export interface PoolCandidate {
  readonly name: string;
  readonly cidr: string;
  readonly disabled: boolean;
  readonly assignmentMode: 'Automatic' | 'Manual';
  readonly allowedUses: readonly string[];
  readonly selectsNode: boolean;
  readonly selectsNamespace: boolean;
}

/** What somebody wants addresses for, and which. */
export interface AddressRequest {
  /** One address of each of these families; both or none. Default: of those that a pool is for, when no address is named. */
  readonly families?: readonly Family[];
  /** Only from these pools: names, or CIDRs of pools. They may be Manual, and need not select the namespace. */
  readonly pools?: readonly string[];
  /** Exactly these; of their families no other is given. */
  readonly addresses?: readonly string[];
  /** Default: Workload. */
  readonly use?: 'Workload' | 'Tunnel' | 'LoadBalancer';
}

/** One address that is wanted: of the first of these pools that has one, or exactly this one of the pool that it lies in. */
export interface AddressWish {
  readonly pools: readonly string[];
  readonly address?: string;
}

export type WishesResult =
  | { readonly ok: true; readonly wishes: readonly AddressWish[] }
  | { readonly ok: false; readonly message: string };

/** Turns a request into one wish an address; pools are tried in the order of their names. */
export function wishesFor(pools: readonly PoolCandidate[], request: AddressRequest): WishesResult {
  const use = request.use ?? 'Workload';
  const usable = pools
    .filter((pool) => !pool.disabled && pool.allowedUses.includes(use))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const wishes: AddressWish[] = [];
  const given = new Set<Family>();
  for (const text of request.addresses ?? []) {
    const address = parseAddress(text);
    if (!address) return { ok: false, message: `the requested address "${text}" is no IP address` };
    const pool = usable.find(({ cidr }) => contains(cidr, text));
    if (!pool) return { ok: false, message: `the requested address ${text} ${whyNot(pools, text, use)}` };
    wishes.push({ pools: [pool.name], address: formatAddress(address) });
    given.add(address.family);
  }
  const named = request.pools && request.pools.length > 0 ? request.pools : undefined;
  const unknown = named?.find((wanted) => !pools.some((pool) => isNamed(pool, wanted)));
  if (unknown !== undefined) return { ok: false, message: `there is no IPPool ${unknown}` };
  const candidatesOf = (family: Family) =>
    usable.filter(
      (pool) =>
        familyOf(pool.cidr) === family &&
        pool.selectsNode &&
        (named
          ? named.some((wanted) => isNamed(pool, wanted))
          : pool.assignmentMode === 'Automatic' && pool.selectsNamespace),
    );
  const possible = ([4, 6] as const).filter((family) => candidatesOf(family).length > 0);
  const usual = given.size > 0 ? [...given] : possible.length > 0 ? possible : ([4] as const);
  for (const family of request.families ?? usual) {
    if (given.has(family)) continue;
    const candidates = candidatesOf(family);
    if (candidates.length === 0) return { ok: false, message: noneMessage(family, named, use) };
    wishes.push({ pools: candidates.map(({ name }) => name) });
  }
  return { ok: true, wishes };
}

function noneMessage(family: Family, named: readonly string[] | undefined, use: string): string {
  // A service is on no node.
  if (use === 'LoadBalancer')
    return named
      ? `none of the requested pools (${named.join(', ')}) is an enabled IPv${family} pool whose allowedUses is [LoadBalancer]`
      : `there is no enabled IPv${family} IPPool whose allowedUses is [LoadBalancer] and whose assignmentMode is Automatic: apply one`;
  return named
    ? `none of the requested pools (${named.join(', ')}) is an enabled IPv${family} pool that selects this node`
    : `no enabled IPv${family} IPPool selects this node and the pod's namespace; apply one, or its selectors`;
}

function whyNot(pools: readonly PoolCandidate[], address: string, use: string): string {
  const pool = pools.find(({ cidr }) => contains(cidr, address));
  if (!pool) return 'lies in no IPPool';
  return pool.disabled
    ? `lies in IPPool/${pool.name}, which is disabled`
    : `lies in IPPool/${pool.name}, not for ${use}`;
}

function contains(cidr: string, text: string): boolean {
  const prefix = parsePrefix(cidr);
  const address = parseAddress(text);
  return prefix !== undefined && address !== undefined && prefixContains(prefix, address);
}

function isNamed(pool: PoolCandidate, wanted: string): boolean {
  return pool.name === wanted || pool.cidr === wanted;
}
