import type { KernelConfig, NextHop, RouteSink } from '@caracal/bgp-speaker';
import { type Family, formatAddress, formatPrefix, type Prefix, parsePrefix, prefixCovers } from '@caracal/net';
import type { Route, RouteSocket } from '@caracal/netlink';

/** The part of a route socket that is used here. */
export type KernelTable = Pick<RouteSocket, 'replaceRoute' | 'deleteRoute' | 'listRoutes' | 'findLink'>;

/**
 * Metrics of our routes. A route's identity in the kernel is (prefix, metric): with these of our own no other's route is
 * ever replaced, and connected ones (0, and 256 for IPv6) are preferred.
 */
const metrics: Readonly<Record<Family, number>> = { 4: 32, 6: 2048 };

const retryMs = 1000;

type Log = (message: string, fields: Readonly<Record<string, unknown>>) => void;

interface Wanted {
  readonly prefix: Prefix;
  /** None: what the route leads to is dropped. */
  readonly nextHops: readonly NextHop[];
}

/**
 * Keeps the kernel's routes of our protocol number equal to the best routes. Routes that an earlier process left stay in
 * use until `sweep`: by then the peers have said all that they have. What the kernel refuses (a next hop that is not on
 * a link yet) is tried again.
 */
export class KernelRoutes implements RouteSink {
  readonly #table: KernelTable;
  readonly #log: Log;
  #config: KernelConfig | undefined;
  #importPrefixes: readonly Prefix[] | undefined;
  /** All best routes, whether or not they go to the kernel, by prefix. */
  readonly #wanted = new Map<string, Wanted>();
  /** What stands in the kernel: the next hops by prefix. */
  #installed = new Map<string, string>();
  /** Installed by an earlier process, and not confirmed. */
  readonly #stale = new Map<string, Prefix>();
  readonly #refused = new Set<string>();
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(table: KernelTable, log: Log) {
    this.#table = table;
    this.#log = log;
  }

  /** How many routes of ours stand in the kernel. */
  get installedCount(): number {
    return this.#installed.size;
  }

  configure(config: KernelConfig): void {
    const before = this.#config;
    this.#config = config;
    this.#importPrefixes = config.importCidrs?.map(parsePrefix).filter((prefix) => prefix !== undefined);
    if (before?.protocol !== config.protocol) {
      if (before) this.#removeAll(before.protocol);
      this.#adopt(config.protocol);
    }
    for (const key of this.#wanted.keys()) this.#apply(key);
    if (!config.enabled) this.#removeAll(config.protocol);
  }

  setRoute(prefix: Prefix, nextHops: readonly NextHop[], discard = false): void {
    const key = formatPrefix(prefix);
    if (nextHops.length > 0 || discard) this.#wanted.set(key, { prefix, nextHops });
    else if (!this.#wanted.delete(key)) return;
    this.#apply(key, prefix);
  }

  /** Removes what an earlier process left and no peer has announced. */
  sweep(): void {
    const protocol = this.#config?.protocol;
    if (protocol === undefined || this.#stale.size === 0) return;
    this.#log('sweeping stale kernel routes', { count: this.#stale.size });
    for (const [key, prefix] of this.#stale) this.#delete(key, prefix, protocol);
    this.#stale.clear();
  }

  /** Removes all of our routes and stops: for leaving for good. */
  remove(): void {
    clearTimeout(this.#retryTimer);
    if (this.#config) this.#removeAll(this.#config.protocol);
  }

  /** Leaves the kernel as it is from now on, whatever it is told: another process goes on with these routes. */
  freeze(): void {
    clearTimeout(this.#retryTimer);
    this.#config = undefined;
  }

  /** Puts back what others have removed or changed (an interface that went down takes its routes with it). */
  repair(): void {
    const config = this.#config;
    if (!config?.enabled || !this.#list(config.protocol)) return;
    for (const key of this.#wanted.keys()) this.#apply(key);
  }

  /** Takes over what stands in the kernel under our protocol number. */
  #adopt(protocol: number): void {
    this.#list(protocol);
    for (const key of this.#installed.keys()) {
      const prefix = parsePrefix(key);
      if (prefix) this.#stale.set(key, prefix);
    }
    if (this.#stale.size > 0) this.#log('kept kernel routes of an earlier run', { count: this.#stale.size });
  }

  /** Reads what stands in the kernel; false when it could not be read. */
  #list(protocol: number): boolean {
    const found = new Map<string, string>();
    for (const family of [4, 6] as const) {
      const listed = this.#table.listRoutes({ family, protocol });
      if (!listed.ok) {
        this.#log('cannot list kernel routes', { error: listed.error.message });
        return false;
      }
      for (const route of listed.value) {
        found.set(formatPrefix(route.prefix), route.type === 'blackhole' ? discarded : keyOf(route.nextHops));
      }
    }
    this.#installed = found;
    return true;
  }

  #apply(key: string, removed?: Prefix): void {
    const config = this.#config;
    if (!config?.enabled) return;
    const wanted = this.#wanted.get(key);
    this.#refused.delete(key);
    if (!wanted || !this.#imported(wanted.prefix)) {
      const prefix = wanted?.prefix ?? removed;
      if (prefix && this.#installed.has(key)) this.#delete(key, prefix, config.protocol);
      return;
    }
    const hops = wanted.nextHops.map((nextHop) => this.#hopOf(nextHop));
    const discard = hops.length === 0;
    const nextHops = discard ? discarded : keyOf(hops);
    this.#stale.delete(key);
    if (this.#installed.get(key) === nextHops) return;
    const outcome = this.#table.replaceRoute({
      prefix: wanted.prefix,
      ...(discard && { type: 'blackhole' as const }),
      nextHops: distinct(hops),
      protocol: config.protocol,
      metric: metrics[wanted.prefix.address.family],
    });
    if (outcome.ok) {
      this.#installed.set(key, nextHops);
      return;
    }
    this.#log('kernel refused a route', { prefix: key, nextHops, error: outcome.error.message });
    // What stood there leads to where the prefix is not any more.
    if (this.#installed.has(key)) this.#delete(key, wanted.prefix, config.protocol);
    this.#refused.add(key);
    this.#retryLater();
  }

  /** As the kernel names it; an interface that is not there is none that it takes. */
  #hopOf(nextHop: NextHop): Hop {
    if (nextHop.interface === undefined) return { gateway: nextHop.address };
    const link = this.#table.findLink(nextHop.interface);
    return { gateway: nextHop.address, interfaceIndex: link.ok ? link.value?.index : undefined };
  }

  #imported(prefix: Prefix): boolean {
    return this.#importPrefixes?.some((allowed) => prefixCovers(allowed, prefix)) ?? true;
  }

  #retryLater(): void {
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      for (const key of [...this.#refused]) this.#apply(key);
    }, retryMs);
  }

  #delete(key: string, prefix: Prefix, protocol: number): void {
    const outcome = this.#table.deleteRoute({ prefix, protocol, metric: metrics[prefix.address.family] });
    if (!outcome.ok) this.#log('kernel refused to delete a route', { prefix: key, error: outcome.error.message });
    this.#installed.delete(key);
    this.#stale.delete(key);
  }

  #removeAll(protocol: number): void {
    for (const key of [...this.#installed.keys()]) {
      const prefix = parsePrefix(key);
      if (prefix) this.#delete(key, prefix, protocol);
    }
    this.#refused.clear();
  }
}

/** Stands for the next hops of a route that leads nowhere. */
const discarded = 'discard';

type Hop = Route['nextHops'][number];

/** The interface counts only where the address is of a link. */
function textOf({ gateway, interfaceIndex }: Hop): string {
  if (!gateway) return '';
  const text = formatAddress(gateway);
  return /^fe[89ab]/.test(text) ? `${text}%${interfaceIndex}` : text;
}

/** The next hops as one text, whatever their order. */
function keyOf(hops: readonly Hop[]): string {
  const texts = hops.map(textOf).filter((text) => text !== '');
  return [...new Set(texts)].sort().join(' ');
}

function distinct(hops: readonly Hop[]): Hop[] {
  return [...new Map(hops.map((hop) => [textOf(hop), hop])).values()];
}
