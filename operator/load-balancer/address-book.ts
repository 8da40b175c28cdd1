/** Which addresses of which pools Services have: what Postgres says, kept in memory so that no Service's turn costs more for there being others. */
import type { ServiceAddress } from '@caracal/datastore';
import type { PoolCandidate } from '@caracal/ipam';
import {
  addOffset,
  formatAddress,
  offsetFrom,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  prefixCovers,
  prefixSize,
} from '@caracal/net';

interface Pool {
  readonly prefix: Prefix;
  /** No address at a lower offset is free. */
  lowest: number;
}

export class AddressBook {
  /** All of them, whatever they are for. */
  #candidates: readonly PoolCandidate[] = [];
  /** Those for Services, by name. */
  #pools = new Map<string, Pool>();
  #reserved: readonly Prefix[] = [];
  /** By address, canonical. */
  readonly #rows = new Map<string, ServiceAddress>();
  readonly #byUid = new Map<string, Set<string>>();
  readonly #uids = new Map<string, Set<string>>();
  /** By address: who has it, though no Service does. */
  readonly #others = new Map<string, string>();
  /** Addresses that stand in the status of a Service whose turn has not come: Postgres may have lost that it has them. */
  readonly #claims = new Map<string, { readonly uid: string; readonly service: string }>();
  readonly #claimsByUid = new Map<string, Set<string>>();

  /** As Postgres has it, all at once. */
  load(pools: readonly PoolCandidate[], reserved: readonly Prefix[], rows: readonly ServiceAddress[]): void {
    this.#candidates = pools;
    this.#reserved = reserved;
    this.#pools = new Map(
      pools.filter(isForServices).map(({ name, cidr }) => [name, { prefix: parsePrefix(cidr)!, lowest: 0 }]), // stored: it was validated
    );
    for (const map of [this.#rows, this.#byUid, this.#uids, this.#others, this.#claims, this.#claimsByUid]) map.clear();
    for (const row of rows) this.take(row);
  }

  get pools(): readonly PoolCandidate[] {
    return this.#candidates;
  }

  /** Whether there is a pool for Services, be it disabled. */
  get hasPools(): boolean {
    return this.#pools.size > 0;
  }

  rows(): ServiceAddress[] {
    return [...this.#rows.values()];
  }

  /** `namespace/name` of every Service that has addresses. */
  services(): string[] {
    return [...this.#uids.keys()];
  }

  /** Of all that had this name: uids of those with addresses. */
  uidsOf(key: string): string[] {
    return [...(this.#uids.get(key) ?? [])];
  }

  /** What the Service of that uid has. */
  of(uid: string): ServiceAddress[] {
    return [...(this.#byUid.get(uid) ?? [])].map((address) => this.#rows.get(address)!);
  }

  take(row: ServiceAddress): void {
    this.#rows.set(row.address, row);
    this.#others.delete(row.address);
    add(this.#byUid, row.uid, row.address);
    add(this.#uids, `${row.namespace}/${row.name}`, row.uid);
  }

  free(address: string): void {
    const row = this.#rows.get(address);
    if (!row) return;
    this.#rows.delete(address);
    remove(this.#byUid, row.uid, address);
    if (!this.#byUid.has(row.uid)) remove(this.#uids, `${row.namespace}/${row.name}`, row.uid);
    this.#lower(address);
  }

  /** The address stands in the status of that Service, and is for nobody else until its turn has come. */
  claim(address: string, uid: string, service: string): void {
    if (this.#claims.has(address)) return;
    this.#claims.set(address, { uid, service });
    add(this.#claimsByUid, uid, address);
  }

  /** The Service of that uid had its turn: what it has now stands in the book. */
  settle(uid: string): void {
    for (const address of this.#claimsByUid.get(uid) ?? []) {
      this.#claims.delete(address);
      this.#lower(address);
    }
    this.#claimsByUid.delete(uid);
  }

  #lower(address: string): void {
    for (const pool of this.#pools.values()) {
      const offset = offsetIn(pool.prefix, address);
      if (offset !== undefined) pool.lowest = Math.min(pool.lowest, offset);
    }
  }

  /** Somebody has it of whom nothing is known but what Postgres said: a node, a pod. */
  takenByOther(address: string, who: string): void {
    this.#others.set(address, who);
  }

  /** Whether something is known that only Postgres can say, and say otherwise by now. */
  get hasOthers(): boolean {
    return this.#others.size > 0;
  }

  /** Why an address cannot be given to the Service of that uid; undefined when it can. */
  obstacle(address: string, uid: string): string | undefined {
    const row = this.#rows.get(address);
    if (row && row.uid !== uid) return `is held by Service ${row.namespace}/${row.name}`;
    const other = this.#others.get(address);
    if (other !== undefined) return `is held by ${other}`;
    const claim = this.#claims.get(address);
    if (claim && claim.uid !== uid) return `stands in the status of Service ${claim.service}`;
    const parsed = parseAddress(address)!; // canonical
    return this.#reserved.some((prefix) => prefixContains(prefix, parsed))
      ? 'is reserved by an IPReservation'
      : undefined;
  }

  /** Whether the address lies in a pool for Services. */
  covers(address: string): boolean {
    return [...this.#pools.values()].some(({ prefix }) => offsetIn(prefix, address) !== undefined);
  }

  /** The lowest address of the pool that nobody has and nothing reserves; undefined when there is none. */
  lowestFree(name: string): string | undefined {
    const pool = this.#pools.get(name);
    if (!pool || this.#reserved.some((prefix) => prefixCovers(prefix, pool.prefix))) return undefined;
    const size = prefixSize(pool.prefix);
    while (pool.lowest < size) {
      const address = addOffset(pool.prefix.address, pool.lowest)!; // within the pool
      const text = formatAddress(address);
      const reserved = this.#reserved.find((prefix) => prefixContains(prefix, address));
      if (!reserved && !this.#isTaken(text)) return text;
      // Beyond all that is reserved at once; a range begins where its prefix does, which lies in the pool.
      pool.lowest = reserved
        ? offsetFrom(pool.prefix.address, reserved.address)! + prefixSize(reserved)
        : pool.lowest + 1;
    }
    return undefined;
  }

  #isTaken(address: string): boolean {
    return this.#rows.has(address) || this.#others.has(address) || this.#claims.has(address);
  }
}

/** As the database judges it (is_for_services). */
function isForServices({ allowedUses }: PoolCandidate): boolean {
  return allowedUses.includes('LoadBalancer') && !allowedUses.includes('Workload') && !allowedUses.includes('Tunnel');
}

function offsetIn(prefix: Prefix, text: string): number | undefined {
  const address = parseAddress(text);
  return address && prefixContains(prefix, address) ? offsetFrom(prefix.address, address) : undefined;
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  map.set(key, (map.get(key) ?? new Set<string>()).add(value));
}

function remove(map: Map<string, Set<string>>, key: string, value: string): void {
  map.get(key)?.delete(value);
  if (map.get(key)?.size === 0) map.delete(key);
}
