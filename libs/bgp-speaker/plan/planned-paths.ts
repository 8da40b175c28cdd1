import { formatPrefix, type Prefix, parsePrefix } from '@caracal/net';
import type { RouteFamily } from 'bgp-parser';
import { aggregateId } from '../aggregates.ts';
import type { OriginatedRoute, SpeakerConfig } from '../config.ts';
import { attributesOf } from '../originated.ts';
import { judgeOf } from '../policy/filter.ts';
import { importRoute, judgeImport } from '../policy/import.ts';
import { policiesDiffer } from '../policy/reconfigure.ts';
import { excluded, localPeer, PathStore } from '../rib/path-store.ts';
import type { PlannedSession } from '../session-changes.ts';
import type { Ribs } from '../update-in.ts';
import type { PlannedPeer, World } from './world.ts';

/** The paths that one prefix would have under another configuration; those of one route at a time. */
export class PlannedPaths {
  readonly store = new PathStore();
  first = -1;
  readonly #ribs: Ribs;
  readonly #before: World;
  readonly #after: World;
  readonly #sessions: ReadonlyMap<string, PlannedSession>;
  readonly #originatedBefore: ReadonlyMap<string, OriginatedRoute>;
  readonly #originated: ReadonlyMap<string, OriginatedRoute>;
  readonly #interned: number[] = [];

  constructor(ribs: Ribs, before: World, after: World, sessions: ReadonlyMap<string, PlannedSession>) {
    this.#ribs = ribs;
    this.#before = before;
    this.#after = after;
    this.#sessions = sessions;
    this.#originatedBefore = originatedBy(before.config);
    this.#originated = originatedBy(after.config);
  }

  /** The prefixes that would be originated. */
  originated(family: RouteFamily): Prefix[] {
    const number = family === 'ipv4Unicast' ? 4 : 6;
    return [...this.#originated.keys()]
      .map(parsePrefix)
      .filter((prefix) => prefix !== undefined && prefix.address.family === number) as Prefix[];
  }

  /** Whether a route (−1: one that is not there) may have other paths, or other ones that take part. */
  differ(family: RouteFamily, route: number, prefix: Prefix): boolean {
    const { paths } = this.#ribs.families[family];
    if (route < 0) return true;
    for (let path = this.#ribs.families[family].firstPath(route); path >= 0; path = paths.next[path]) {
      if (paths.peer[path] !== localPeer && this.#judgedAgain(family, paths.peer[path])) return true;
    }
    const key = formatPrefix(prefix);
    return JSON.stringify(this.#originatedBefore.get(key)) !== JSON.stringify(this.#originated.get(key));
  }

  /** Makes the list of a route's paths, in place of the one before. `aggregate`: the attributes of an aggregate's. */
  build(family: RouteFamily, route: number, prefix: Prefix, aggregate?: number): void {
    this.clear();
    const { paths } = this.#ribs.families[family];
    const first = route < 0 ? -1 : this.#ribs.families[family].firstPath(route);
    for (let path = first; path >= 0; path = paths.next[path]) {
      if (paths.peer[path] !== localPeer) this.#addHeard(family, path, prefix);
    }
    const own = this.#originated.get(formatPrefix(prefix));
    if (own) this.#add(localPeer, this.#intern(attributesOf(own)), 0, 0);
    if (aggregate !== undefined) this.#add(localPeer, aggregate, 0, aggregateId);
  }

  /** Forgets the list. */
  clear(): void {
    for (let path = this.first; path >= 0; ) {
      const next = this.store.next[path];
      this.store.free(path);
      path = next;
    }
    this.first = -1;
    for (const number of this.#interned) this.#ribs.attributes.release(number);
    this.#interned.length = 0;
  }

  /** A path of a peer, as the new policy judges what is kept of it. */
  #addHeard(family: RouteFamily, path: number, prefix: Prefix): void {
    const { paths } = this.#ribs.families[family];
    const [number, attributes] = [paths.peer[path], paths.attributes[path]];
    const peer = this.#after.heard.get(number);
    if (!peer?.families.includes(family)) return;
    if (!this.#judgedAgain(family, number)) {
      this.#add(number, attributes, paths.exclusion[path], paths.id(path));
      return;
    }
    const kept = this.#ribs.attributes.at(attributes);
    const { action, changed } = importRoute(judgeOf(peer.config.importAction, family), prefix, kept);
    const exclusion = judgeImport(peer, kept) | (action === 'Accept' ? 0 : excluded.byPolicy);
    this.#add(number, changed === kept ? attributes : this.#intern(changed), exclusion, paths.id(path));
  }

  #judgedAgain(family: RouteFamily, number: number): boolean {
    const [now, then] = [this.#before.heard.get(number), this.#after.heard.get(number)];
    if (!now || !then || this.#sessions.get(then.config.range ?? then.config.name)?.change !== 'stays') return true;
    return importDiffers(now, then, family);
  }

  #add(peer: number, attributes: number, exclusion: number, id: number): void {
    this.first = this.store.allocate(peer, attributes, exclusion, this.first, id);
  }

  #intern(attributes: Parameters<Ribs['attributes']['intern']>[0]): number {
    const number = this.#ribs.attributes.intern(attributes);
    this.#interned.push(number);
    return number;
  }
}

function importDiffers(now: PlannedPeer, then: PlannedPeer, family: RouteFamily): boolean {
  return policiesDiffer(now.config.importAction, then.config.importAction, family);
}

function originatedBy({ originate }: SpeakerConfig): Map<string, OriginatedRoute> {
  const routes = new Map<string, OriginatedRoute>();
  for (const route of originate) {
    const prefix = parsePrefix(route.prefix);
    if (prefix) routes.set(formatPrefix(prefix), route);
  }
  return routes;
}
