import { formatAddress, formatPrefix, type Prefix, parsePrefix, prefixCovers } from '@caracal/net';
import { addressFamilyOf, type RouteFamily } from 'bgp-parser';
import { aggregateAttributes, aggregateId, contributionOf, contributions, summaryOf } from '../aggregates.ts';
import type { SpeakerConfig } from '../config.ts';
import { decide } from '../decision/decide.ts';
import { isLinkLocal } from '../link-local.ts';
import type { PeerSet } from '../peer-set.ts';
import { changesRoutes, policiesDiffer } from '../policy/reconfigure.ts';
import { families } from '../propagation.ts';
import { localPeer } from '../rib/path-store.ts';
import { type PlannedSession, type SessionChange, sessionChanges } from '../session-changes.ts';
import type { Ribs } from '../update-in.ts';
import { PlannedPaths } from './planned-paths.ts';
import { type PlannedRoute, toldOf } from './telling.ts';
import { strictlyCovers, type World, worldAfter, worldNow } from './world.ts';

export type RouteChange = 'gains' | 'loses' | 'changes';

/** One thing that would change. */
export type PlanRow =
  | {
      readonly kind: 'session';
      readonly peer: string;
      /** `asksAgain`: the session stays, and the peer is asked for all its routes. */
      readonly change: Exclude<SessionChange, 'stays'> | 'asksAgain';
      /** Of a session that restarts: the settings that are not those of before. */
      readonly settings: readonly string[];
    }
  | { readonly kind: 'route'; readonly peer: string; readonly change: RouteChange; readonly prefix: string }
  | { readonly kind: 'kernel'; readonly change: RouteChange; readonly prefix: string };

export interface PlanInput {
  readonly before: SpeakerConfig;
  readonly after: SpeakerConfig;
  /** Whether best routes go to the kernel. */
  readonly withKernel: boolean;
}

/** So many routes are planned in one step. */
const stepSize = 32;

/** What changes when one configuration takes the place of another, in short steps. */
export function* planRows(ribs: Ribs, peers: PeerSet, input: PlanInput): Generator<readonly PlanRow[]> {
  const sessions = sessionChanges(input.before, input.after);
  yield [...sessionRows(sessions, input)];
  const planner = new Planner(ribs, peers, input, sessions);
  try {
    for (const family of families) yield* planner.family(family);
  } finally {
    planner.end();
  }
}

function* sessionRows(sessions: ReadonlyMap<string, PlannedSession>, { before, after }: PlanInput): Generator<PlanRow> {
  for (const [peer, { change, settings }] of sessions) {
    if (change !== 'stays') {
      yield { kind: 'session', peer, change, settings };
      continue;
    }
    const [now, then] = [before, after].map(({ peers }) => peers.find(({ name }) => name === peer));
    const asked = (family: RouteFamily) =>
      now && then && policiesDiffer(now.importAction, then.importAction, family)
        ? [now, then].some(({ importAction }) => changesRoutes(importAction, family))
        : false;
    if (families.some(asked)) yield { kind: 'session', peer, change: 'asksAgain', settings: [] };
  }
}

class Planner {
  readonly #ribs: Ribs;
  readonly #peers: PeerSet;
  readonly #withKernel: boolean;
  readonly #before: World;
  readonly #after: World;
  readonly #paths: PlannedPaths;
  /** Peers that are told the same of the same paths. */
  readonly #alike: ReadonlySet<string>;
  readonly #kernelAlike: boolean;
  /** By aggregate of the new configuration: how many routes within make each contribution. */
  #counts: number[][] = [];

  constructor(
    ribs: Ribs,
    peers: PeerSet,
    { before, after, withKernel }: PlanInput,
    sessions: ReadonlyMap<string, PlannedSession>,
  ) {
    this.#ribs = ribs;
    this.#peers = peers;
    this.#withKernel = withKernel;
    this.#before = worldNow(peers, before);
    this.#after = worldAfter(peers, before, after, sessions);
    this.#paths = new PlannedPaths(ribs, this.#before, this.#after, sessions);
    this.#alike = new Set(
      [...this.#before.told.keys()].filter((name) => {
        const [now, then] = [this.#before, this.#after].map((world) => exportKey(world, name));
        const { range = name } = this.#before.told.get(name)?.config ?? {};
        return sessions.get(range)?.change === 'stays' && now === then;
      }),
    );
    this.#kernelAlike = JSON.stringify(before.kernel) === JSON.stringify(after.kernel);
  }

  /** Everything of a family: what is in the table, what would be new, and last the aggregates of those. */
  *family(family: RouteFamily): Generator<readonly PlanRow[]> {
    const rib = this.#ribs.families[family];
    this.#counts = this.#after.aggregates.map(() => new Array<number>(contributions).fill(0));
    const aggregates = this.#aggregatePrefixes(family);
    let rows: PlanRow[] = [];
    for (let route = 0; route < rib.prefixes.end; route++) {
      if (route % stepSize === 0) {
        yield rows;
        rows = [];
      }
      if (rib.firstPath(route) < 0) continue;
      const prefix = rib.prefixes.at(route);
      if (aggregates.size === 0 || !aggregates.has(formatPrefix(prefix)))
        rows.push(...this.#route(family, prefix, route));
    }
    for (const prefix of this.#newPrefixes(family)) {
      if (aggregates.has(formatPrefix(prefix))) continue;
      rows.push(...this.#route(family, prefix, -1));
      if (rows.length < stepSize) continue;
      yield rows;
      rows = [];
    }
    // The most specific first: an aggregate may be within another.
    for (const prefix of [...aggregates.values()].sort((a, b) => b.length - a.length)) {
      rows.push(...this.#route(family, prefix, this.#routeOf(family, prefix)));
    }
    yield rows;
  }

  end(): void {
    this.#paths.clear();
  }

  #aggregatePrefixes(family: RouteFamily): Map<string, Prefix> {
    const all = [...this.#before.aggregates, ...this.#after.aggregates].map(({ prefix }) => prefix);
    const own = all.filter(({ address }) => address.family === addressFamilyOf(family));
    return new Map(own.map((prefix) => [formatPrefix(prefix), prefix]));
  }

  /** Prefixes that would be originated or told to a peer alone, and have no path now. */
  #newPrefixes(family: RouteFamily): Prefix[] {
    const withDefault = ({ told }: World) => [...told.values()].some(({ config }) => config.defaultOriginate);
    const prefixes = this.#paths.originated(family);
    const text = family === 'ipv4Unicast' ? '0.0.0.0/0' : '::/0';
    const own = parsePrefix(text);
    const listed = prefixes.some((prefix) => formatPrefix(prefix) === text);
    if (own && !listed && (withDefault(this.#before) || withDefault(this.#after))) prefixes.push(own);
    return prefixes.filter((prefix) => this.#routeOf(family, prefix) < 0);
  }

  /** The number of a prefix that has paths; else −1. */
  #routeOf(family: RouteFamily, prefix: Prefix): number {
    const rib = this.#ribs.families[family];
    const route = rib.prefixes.find(prefix);
    return route >= 0 && rib.firstPath(route) >= 0 ? route : -1;
  }

  #route(family: RouteFamily, prefix: Prefix, route: number): PlanRow[] {
    const rib = this.#ribs.families[family];
    const now: PlannedRoute = {
      prefix,
      paths: rib.paths,
      first: route < 0 ? -1 : rib.firstPath(route),
      best: route < 0 ? -1 : rib.bestPath(route),
    };
    const aggregate = this.#aggregateOf(prefix);
    const differs = aggregate !== undefined || this.#isAggregate(now) || this.#paths.differ(family, route, prefix);
    const then = differs ? this.#build(family, prefix, route, aggregate) : now;
    const rows: PlanRow[] = [];
    for (const name of new Set([...this.#before.told.keys(), ...this.#after.told.keys()])) {
      if (!differs && this.#alike.has(name)) continue;
      const [told, tell] = [this.#told(this.#before, name, family, now), this.#told(this.#after, name, family, then)];
      const change = changeOf(told, tell);
      if (change) rows.push({ kind: 'route', peer: name, change, prefix: formatPrefix(prefix) });
    }
    if (this.#withKernel && (differs || !this.#kernelAlike)) {
      const change = changeOf(this.#kernelText(this.#before, now), this.#kernelText(this.#after, then));
      if (change) rows.push({ kind: 'kernel', change, prefix: formatPrefix(prefix) });
    }
    this.#contribute(prefix, then);
    if (aggregate !== undefined) this.#ribs.attributes.release(aggregate);
    return rows;
  }

  #build(family: RouteFamily, prefix: Prefix, route: number, aggregate: number | undefined): PlannedRoute {
    this.#paths.build(family, route, prefix, aggregate);
    const { store: paths, first } = this.#paths;
    const { best } = decide(first, { paths, attributes: this.#ribs.attributes, peers: this.#after.facts });
    return { prefix, paths, first, best };
  }

  #told(world: World, name: string, family: RouteFamily, route: PlannedRoute): string {
    const peer = world.told.get(name);
    return peer ? toldOf(world, peer, family, route, this.#ribs.attributes) : '';
  }

  #isAggregate({ paths, first }: PlannedRoute): boolean {
    for (let path = first; path >= 0; path = paths.next[path]) {
      if (paths.peer[path] === localPeer && paths.id(path) === aggregateId) return true;
    }
    return false;
  }

  /** The attributes of the aggregate of the new configuration to a prefix, with one use; undefined when there is none. */
  #aggregateOf(prefix: Prefix): number | undefined {
    const text = formatPrefix(prefix);
    const at = this.#after.aggregates.findIndex((aggregate) => formatPrefix(aggregate.prefix) === text);
    const summary = at < 0 ? undefined : summaryOf(this.#counts[at]);
    if (!summary) return undefined;
    const attributes = aggregateAttributes(summary, this.#after.aggregates[at].config, this.#after.config);
    return this.#ribs.attributes.intern(attributes);
  }

  #contribute(prefix: Prefix, { paths, best }: PlannedRoute): void {
    if (best < 0) return;
    for (const [i, aggregate] of this.#after.aggregates.entries()) {
      if (!strictlyCovers(aggregate.prefix, prefix)) continue;
      const { origin, pathLength } = this.#ribs.attributes;
      const number = paths.attributes[best];
      this.#counts[i][contributionOf(origin[number], pathLength[number] > 0)]++;
    }
  }

  /** What stands in the kernel for a route, as text; empty for nothing. */
  #kernelText({ config: { kernel }, facts }: World, { prefix, paths, first, best }: PlannedRoute): string {
    if (!kernel.enabled || best < 0) return '';
    const allowed = kernel.importCidrs?.map(parsePrefix);
    if (allowed && !allowed.some((outer) => outer && prefixCovers(outer, prefix))) return '';
    if (paths.peer[best] === localPeer) return paths.id(best) === aggregateId ? `${kernel.protocol} discard` : '';
    const { attributes } = this.#ribs;
    const { equal } = decide(first, { paths, attributes, peers: facts });
    const hops = equal
      .filter((path) => paths.peer[path] !== localPeer)
      .flatMap((path) => {
        const hop = attributes.nextHop(paths.attributes[path]);
        if (!hop) return [];
        return [formatAddress(hop) + (isLinkLocal(hop) ? `%${this.#peers.interfaceOf(paths.peer[path])}` : '')];
      });
    return hops.length === 0 ? '' : `${kernel.protocol} ${[...new Set(hops)].sort().join(' ')}`;
  }
}

function changeOf(before: string, after: string): RouteChange | undefined {
  if (before === after) return undefined;
  if (before === '') return 'gains';
  return after === '' ? 'loses' : 'changes';
}

/** All that decides what a peer with a session is told of given paths. */
function exportKey({ told, aggregates }: World, name: string): string {
  const peer = told.get(name);
  if (!peer) return '';
  const { importAction: _, ...config } = peer.config;
  return JSON.stringify([config, peer.local, aggregates.map((aggregate) => aggregate.config)]);
}
