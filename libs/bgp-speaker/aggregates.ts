import { formatPrefix, type Prefix, parseAddress, parsePrefix, prefixCovers } from '@caracal/net';
import type { PathAttributes, RouteFamily } from 'bgp-parser';
import type { AggregateConfig, SpeakerConfig } from './config.ts';
import { communitiesOf } from './originated.ts';
import type { LocRib } from './rib/loc-rib.ts';
import { localPeer } from './rib/path-store.ts';
import type { Ribs } from './update-in.ts';

/** The identifier that tells the path of an aggregate from a route that is originated to the same prefix. */
export const aggregateId = 1;

/** How many contributions there are: ORIGINs, each with and without an AS_PATH. */
export const contributions = 6;
export const contributionOf = (origin: number, hasPath: boolean) => 2 * origin + (hasPath ? 1 : 0);

interface Aggregate {
  readonly prefix: Prefix;
  readonly config: AggregateConfig;
  readonly family: RouteFamily;
  /** By the routes within that have a best path. */
  readonly routes: Map<number, number>;
  /** How many routes make each contribution. */
  readonly counts: number[];
  /** What was announced last; empty for nothing. */
  announced: string;
}

/**
 * Routes that stand for the more specific ones of the Loc-RIB (RFC 4271 section 9.2.2.2), each as long as there is one. The
 * AS_PATH is empty (AS_SETs are deprecated, RFC 9774), so ATOMIC_AGGREGATE says when that hides an AS.
 */
export class Aggregates {
  readonly #ribs: Ribs;
  #aggregates: Aggregate[] = [];
  #local: Pick<SpeakerConfig, 'localAs' | 'routerId'> = { localAs: 0, routerId: '' };

  constructor(ribs: Ribs) {
    this.#ribs = ribs;
  }

  /** Replaces the aggregates by those of the configuration; true when other routes may be hidden than before. */
  set({ aggregates: given = [], localAs, routerId }: SpeakerConfig): boolean {
    const aggregates = distinctAggregates(given);
    const { localAs: asBefore, routerId: idBefore } = this.#local;
    this.#local = { localAs, routerId };
    const everyone = localAs !== asBefore || routerId !== idBefore;
    const keyOf = (config: AggregateConfig) => JSON.stringify(config);
    const wanted = new Map(aggregates.map((config) => [keyOf(config), config]));
    const kept = this.#aggregates.filter(({ config }) => !everyone && wanted.has(keyOf(config)));
    const changed = kept.length !== this.#aggregates.length || kept.length !== wanted.size;
    for (const aggregate of this.#aggregates) if (!kept.includes(aggregate)) this.#withdraw(aggregate);
    for (const { config } of kept) wanted.delete(keyOf(config));
    this.#aggregates = [...kept, ...[...wanted.values()].flatMap((config) => this.#create(config))];
    return changed;
  }

  /** Another path of the route is best now, or none. */
  update(family: RouteFamily, route: number): void {
    if (this.#aggregates.length === 0) return;
    const prefix = this.#ribs.families[family].prefixes.at(route);
    for (const aggregate of this.#aggregates) {
      if (within(aggregate, family, prefix)) this.#count(aggregate, route);
    }
  }

  /** Whether only an aggregate of the route is told to external peers. */
  hides(family: RouteFamily, route: number): boolean {
    if (this.#aggregates.length === 0) return false;
    return this.#aggregates.some(({ config, family: own, routes }) => {
      return config.summaryOnly && own === family && routes.has(route);
    });
  }

  /** Whether a path is an aggregate of ours: what is within it and has no route of its own leads nowhere. */
  isAggregate({ paths }: LocRib, path: number): boolean {
    return paths.peer[path] === localPeer && paths.id(path) === aggregateId;
  }

  #create(config: AggregateConfig): Aggregate[] {
    const prefix = parsePrefix(config.prefix);
    if (!prefix) return [];
    const family = prefix.address.family === 4 ? 'ipv4Unicast' : 'ipv6Unicast';
    const counts = new Array<number>(contributions).fill(0);
    const aggregate: Aggregate = { prefix, config, family, routes: new Map(), counts, announced: '' };
    const rib = this.#ribs.families[family];
    rib.forEach((route) => {
      if (within(aggregate, family, rib.prefixes.at(route))) this.#count(aggregate, route);
    });
    return [aggregate];
  }

  #count(aggregate: Aggregate, route: number): void {
    const { routes, counts } = aggregate;
    const rib = this.#ribs.families[aggregate.family];
    const before = routes.get(route);
    if (before !== undefined) counts[before]--;
    if (rib.bestPath(route) < 0) routes.delete(route);
    else {
      const { origin, pathLength } = this.#ribs.attributes;
      const best = rib.bestAttributes(route);
      const now = contributionOf(origin[best], pathLength[best] > 0);
      counts[now]++;
      routes.set(route, now);
    }
    this.#announce(aggregate);
  }

  #announce(aggregate: Aggregate): void {
    const { prefix, family, counts, config } = aggregate;
    const summary = summaryOf(counts);
    if (!summary) {
      this.#withdraw(aggregate);
      return;
    }
    const key = `${summary.origin} ${summary.atomic}`;
    if (aggregate.announced === key) return;
    aggregate.announced = key;
    const attributes = aggregateAttributes(summary, config, this.#local);
    const number = this.#ribs.attributes.intern(attributes);
    this.#ribs.families[family].announce(localPeer, prefix, number, 0, aggregateId);
  }

  #withdraw(aggregate: Aggregate): void {
    if (aggregate.announced === '') return;
    aggregate.announced = '';
    this.#ribs.families[aggregate.family].withdraw(localPeer, aggregate.prefix, aggregateId);
  }
}

/** What the routes within come to; undefined when there is none. */
export interface Summary {
  readonly origin: number;
  readonly atomic: boolean;
}

/** Of how many routes make each contribution. */
export function summaryOf(counts: readonly number[]): Summary | undefined {
  const highest = counts.findLastIndex((count) => count > 0);
  if (highest < 0) return undefined;
  // RFC 4271 section 9.2.2.2: the ORIGIN of the least certain one.
  return { origin: highest >> 1, atomic: counts.some((count, one) => count > 0 && one % 2 === 1) };
}

export function aggregateAttributes(
  { origin, atomic }: Summary,
  config: AggregateConfig,
  local: Pick<SpeakerConfig, 'localAs' | 'routerId'>,
): PathAttributes {
  const address = parseAddress(local.routerId);
  return {
    origin,
    asPath: [],
    ...(atomic && { atomicAggregate: true }),
    ...(address && { aggregator: { asNumber: local.localAs, address } }),
    ...communitiesOf(config),
  };
}

function within(aggregate: Aggregate, family: RouteFamily, prefix: Prefix): boolean {
  return (
    aggregate.family === family && prefix.length > aggregate.prefix.length && prefixCovers(aggregate.prefix, prefix)
  );
}

/** Of aggregates of one prefix the first is meant. */
function distinctAggregates(aggregates: readonly AggregateConfig[]): AggregateConfig[] {
  const byPrefix = new Map<string, AggregateConfig>();
  for (const config of aggregates) {
    const prefix = parsePrefix(config.prefix);
    const key = prefix ? formatPrefix(prefix) : config.prefix;
    if (!byPrefix.has(key)) byPrefix.set(key, config);
  }
  return [...byPrefix.values()];
}
