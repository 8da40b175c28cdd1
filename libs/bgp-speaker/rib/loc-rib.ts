import type { Prefix } from '@caracal/net';
import { addressFamilyOf, type RouteFamily } from 'bgp-parser';
import { decide } from '../decision/decide.ts';
import type { PeerFacts } from '../decision/steps.ts';
import type { AttributeStore } from './attribute-store.ts';
import { Bitmap } from './bitmap.ts';
import { ChangeQueue } from './change-queue.ts';
import { grow } from './grow.ts';
import { Holders } from './holders.ts';
import { PathStore } from './path-store.ts';
import { PrefixIndex } from './prefix-index.ts';

/** Of one peer: all paths of its Adj-RIB-In, those that take part in the decision, and the prefixes that they lead to. */
export interface PathCounts {
  received: number;
  accepted: number;
  prefixes: number;
}

/** A route whose best path, or whose equally good ones, may have changed. */
export interface Decided {
  route: number;
  /** Whether another path or other attributes are best now. */
  bestChanged: boolean;
  /** The paths that share the traffic. */
  equal: readonly number[];
}

const none: readonly number[] = [];

/**
 * All routes of one family: the Adj-RIBs-In as lists of paths, and the best path of each (Loc-RIB). A route is the
 * number of its prefix; changes wait in `changed` until the decision process takes them.
 */
export class LocRib {
  readonly family: RouteFamily;
  readonly prefixes: PrefixIndex;
  readonly paths = new PathStore();
  readonly changed = new ChangeQueue();
  readonly holders = new Holders();
  readonly #attributes: AttributeStore;
  readonly #counts: PathCounts[] = [];
  /** By peer: its paths that were announced before it restarted. */
  readonly #stale: (Bitmap | undefined)[] = [];
  /** Used again for every decision: a full table makes no garbage. */
  readonly #decided: Decided = { route: -1, bestChanged: false, equal: none };
  readonly #onlyPath = [-1];
  /** Path + 1 of a route's first path; 0 when it has none. */
  #heads = new Int32Array(16);
  /** Path + 1 of the best one, with the peer and the attributes that it had when it was chosen. */
  #best = new Int32Array(16);
  #bestPeer = new Int32Array(16);
  #bestAttributes = new Int32Array(16);

  constructor(family: RouteFamily, attributes: AttributeStore) {
    this.family = family;
    this.prefixes = new PrefixIndex(addressFamilyOf(family));
    this.#attributes = attributes;
  }

  /** The first path of a route, or −1. */
  firstPath(route: number): number {
    return this.#heads[route] - 1;
  }

  /** The best path of a route as last decided, or −1. */
  bestPath(route: number): number {
    return this.#best[route] - 1;
  }

  /** The peer and attributes of the best path; valid while there is one. */
  bestPeer(route: number): number {
    return this.#bestPeer[route];
  }

  bestAttributes(route: number): number {
    return this.#bestAttributes[route];
  }

  /** How many routes have a best path. */
  get bestCount(): number {
    let count = 0;
    for (let route = 0; route < this.prefixes.end; route++) if (this.#best[route] > 0) count++;
    return count;
  }

  /** What the columns of the routes occupy. */
  get routeBytes(): number {
    const columns = [this.#heads, this.#best, this.#bestPeer, this.#bestAttributes];
    return columns.reduce((sum, one) => sum + one.byteLength, this.holders.bytes);
  }

  /** How many paths are stale, and what saying so occupies. */
  get stale(): { readonly count: number; readonly bytes: number } {
    const bitmaps = this.#stale.filter((bitmap) => bitmap !== undefined);
    return {
      count: bitmaps.reduce((sum, { size }) => sum + size, 0),
      bytes: bitmaps.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  counts(peer: number): PathCounts {
    this.#counts[peer] ??= { received: 0, accepted: 0, prefixes: 0 };
    return this.#counts[peer];
  }

  /** Puts a path into the peer's Adj-RIB-In, in place of an earlier one. Takes over one use of `attributes`. */
  announce(peer: number, prefix: Prefix, attributes: number, exclusion: number, id = 0): void {
    this.announceRoute(peer, this.prefixes.add(prefix), attributes, exclusion, id);
  }

  /** As `announce`, for the number of a prefix. */
  announceRoute(peer: number, route: number, attributes: number, exclusion: number, id = 0): void {
    if (route >= this.#heads.length) this.#grow(route + 1);
    const counts = this.counts(peer);
    const known = this.#find(route, peer, id);
    if (known < 0) {
      // Without identifiers it can have no other: nothing to look for.
      if ((id === 0 && !this.paths.hasIds) || !this.#hasPath(route, peer)) counts.prefixes++;
      this.#heads[route] = this.paths.allocate(peer, attributes, exclusion, this.#heads[route] - 1, id) + 1;
      counts.received++;
      if (exclusion === 0) counts.accepted++;
      this.changed.push(route);
      return;
    }
    this.#stale[peer]?.delete(known);
    const same = this.paths.attributes[known] === attributes && this.paths.exclusion[known] === exclusion;
    this.#attributes.release(this.paths.attributes[known]);
    this.paths.attributes[known] = attributes;
    this.setExclusion(route, known, exclusion);
    if (!same) this.changed.push(route);
  }

  /** Changes which of the peers' paths take part in the decision. */
  setExclusion(route: number, path: number, exclusion: number): void {
    const before = this.paths.exclusion[path];
    if (before === exclusion) return;
    const counts = this.counts(this.paths.peer[path]);
    counts.accepted += (exclusion === 0 ? 1 : 0) - (before === 0 ? 1 : 0);
    this.paths.exclusion[path] = exclusion;
    this.changed.push(route);
  }

  /** The number of a prefix that an Adj-RIB-Out holds, whether or not there is a path. */
  hold(prefix: Prefix): number {
    const route = this.prefixes.add(prefix);
    if (route >= this.#heads.length) this.#grow(route + 1);
    return route;
  }

  withdraw(peer: number, prefix: Prefix, id = 0): void {
    this.withdrawRoute(peer, this.prefixes.find(prefix), id);
  }

  /** As `withdraw`, for the number of a prefix; −1 for one that is not known. */
  withdrawRoute(peer: number, route: number, id = 0): void {
    if (route >= 0) this.#remove(route, this.#find(route, peer, id));
  }

  /** Empties the peer's Adj-RIB-In. */
  removePeer(peer: number): void {
    this.#stale[peer] = undefined;
    if (this.counts(peer).received === 0) return;
    this.#removeAll(peer, () => true);
  }

  /** The peer's paths are stale from now on, each until it is announced again. Those that were before are removed. */
  markStale(peer: number): void {
    this.removeStale(peer);
    if (this.counts(peer).received === 0) return;
    const stale = new Bitmap();
    this.forEach((_, first) => {
      for (let path = first; path >= 0; path = this.paths.next[path])
        if (this.paths.peer[path] === peer) stale.add(path);
    });
    this.#stale[peer] = stale;
  }

  hasStale(peer: number): boolean {
    return this.#stale[peer] !== undefined;
  }

  isStale(path: number): boolean {
    return this.#stale[this.paths.peer[path]]?.has(path) ?? false;
  }

  /** Removes the peer's paths that are still stale. */
  removeStale(peer: number): void {
    const stale = this.#stale[peer];
    if (!stale) return;
    this.#removeAll(peer, (path) => stale.has(path));
    this.#stale[peer] = undefined;
  }

  /** Calls for every route with its first path; routes without paths are left out. */
  forEach(visit: (route: number, first: number) => void): void {
    for (let route = 0; route < this.prefixes.end; route++)
      if (this.#heads[route] > 0) visit(route, this.#heads[route] - 1);
  }

  /** Runs the decision process for the next changed route; undefined when none waits. Valid until the next call. */
  decideNext(peers: PeerFacts): Decided | undefined {
    const route = this.changed.shift();
    if (route < 0) return undefined;
    const decided = this.#decided;
    const best = this.#choose(this.#heads[route] - 1, peers, decided);
    const had = this.#best[route] > 0;
    const bestChanged =
      best < 0
        ? had
        : !had ||
          this.#bestPeer[route] !== this.paths.peer[best] ||
          this.#bestAttributes[route] !== this.paths.attributes[best];
    if (bestChanged) {
      // The chosen attributes stay in use until the next choice, so that their number means the same till then.
      if (best >= 0) this.#attributes.retain(this.paths.attributes[best]);
      if (had) this.#attributes.release(this.#bestAttributes[route]);
    }
    this.#best[route] = best + 1;
    if (best >= 0) {
      this.#bestPeer[route] = this.paths.peer[best];
      this.#bestAttributes[route] = this.paths.attributes[best];
    }
    decided.route = route;
    decided.bestChanged = bestChanged;
    return decided;
  }

  /** Forgets a route, unless it has a path or an Adj-RIB-Out holds it. */
  removeRoute(route: number): void {
    if (this.#heads[route] > 0 || this.#best[route] > 0 || this.holders.has(route) || this.changed.has(route)) return;
    this.prefixes.remove(route);
  }

  /** The best path or −1; sets `equal`. */
  #choose(first: number, peers: PeerFacts, decided: Decided): number {
    // Most prefixes have one path: nothing to compare.
    if (first >= 0 && this.paths.next[first] < 0) {
      const usable = this.paths.exclusion[first] === 0;
      this.#onlyPath[0] = first;
      decided.equal = usable ? this.#onlyPath : none;
      return usable ? first : -1;
    }
    const { best, equal } = decide(first, { paths: this.paths, attributes: this.#attributes, peers });
    decided.equal = equal;
    return best;
  }

  #hasPath(route: number, peer: number): boolean {
    let path = this.#heads[route] - 1;
    while (path >= 0 && this.paths.peer[path] !== peer) path = this.paths.next[path];
    return path >= 0;
  }

  #find(route: number, peer: number, id: number): number {
    let path = this.#heads[route] - 1;
    while (path >= 0 && (this.paths.peer[path] !== peer || this.paths.id(path) !== id)) path = this.paths.next[path];
    return path;
  }

  #removeAll(peer: number, chosen: (path: number) => boolean): void {
    for (let route = 0; route < this.prefixes.end; route++) {
      for (let path = this.#heads[route] - 1; path >= 0; ) {
        const next = this.paths.next[path];
        if (this.paths.peer[path] === peer && chosen(path)) this.#remove(route, path);
        path = next;
      }
    }
  }

  /** Takes a path of the route out; nothing for −1. */
  #remove(route: number, path: number): void {
    if (path < 0) return;
    let previous = this.#heads[route] - 1;
    if (previous === path) this.#heads[route] = this.paths.next[path] + 1;
    else {
      while (this.paths.next[previous] !== path) previous = this.paths.next[previous];
      this.paths.next[previous] = this.paths.next[path];
    }
    const peer = this.paths.peer[path];
    this.#stale[peer]?.delete(path);
    const counts = this.counts(peer);
    counts.received--;
    if (!this.paths.hasIds || !this.#hasPath(route, peer)) counts.prefixes--;
    if (this.paths.exclusion[path] === 0) counts.accepted--;
    this.#attributes.release(this.paths.attributes[path]);
    this.paths.free(path);
    this.changed.push(route);
  }

  #grow(length: number): void {
    this.#heads = grow(this.#heads, length);
    this.#best = grow(this.#best, length);
    this.#bestPeer = grow(this.#bestPeer, length);
    this.#bestAttributes = grow(this.#bestAttributes, length);
  }
}
