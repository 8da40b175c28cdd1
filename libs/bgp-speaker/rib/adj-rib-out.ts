import { Bitmap } from './bitmap.ts';
import { ChangeQueue } from './change-queue.ts';
import type { Holders } from './holders.ts';

/**
 * What one peer was told of one family: a bit for each advertised route (what was said follows from the best path), and
 * the routes whose news it has yet to hear. News of a route that changes again while it waits are told once. Both hold
 * the route, as does a default route of our own.
 */
export class AdjRibOut {
  readonly #holders: Holders;
  readonly #advertised = new Bitmap();
  readonly #pending = new ChangeQueue();
  #defaultRoute = -1;
  /** The peer has yet to hear of the default route. */
  defaultDue = false;
  /** How the peer is treated: those with the same share what they are told. */
  treatment = '';
  /** An End-of-RIB is due when nothing is pending. */
  endOfRibDue = false;
  /** The mark that ends a refresh is due then (RFC 7313). */
  refreshEndDue = false;

  constructor(holders: Holders) {
    this.#holders = holders;
  }

  /** What it occupies. */
  get bytes(): number {
    return this.#advertised.bytes + this.#pending.bytes;
  }

  /** How many routes were told. */
  get size(): number {
    return this.#advertised.size;
  }

  /** How many routes wait to be told. */
  get pending(): number {
    return this.#pending.length;
  }

  /** The route of the default prefix, when the peer is told one of our own in place of any other; else −1. */
  get defaultRoute(): number {
    return this.#defaultRoute;
  }

  set defaultRoute(route: number) {
    if (route >= 0) this.#holders.add(route);
    if (this.#defaultRoute >= 0) this.#holders.remove(this.#defaultRoute);
    this.#defaultRoute = route;
  }

  /** There is news of a route. */
  enqueue(route: number): void {
    if (this.#pending.push(route)) this.#holders.add(route);
  }

  /** Takes the next route that there is news of; −1 when none waits. */
  next(): number {
    const route = this.#pending.shift();
    if (route >= 0) this.#holders.remove(route);
    return route;
  }

  /** What `next` gives after `later` others; only for fewer than wait. */
  pendingAt(later: number): number {
    return this.#pending.at(later);
  }

  /** Whether the peer was told of the route. */
  has(route: number): boolean {
    return this.#advertised.has(route);
  }

  /** The peer is told of the route. */
  add(route: number): void {
    if (this.#advertised.add(route)) this.#holders.add(route);
  }

  /** The peer is told that the route is gone; false when it was not told of it. */
  delete(route: number): boolean {
    if (!this.#advertised.delete(route)) return false;
    this.#holders.remove(route);
    return true;
  }

  /** The session is over: it holds nothing any more. */
  end(): void {
    this.defaultRoute = -1;
    while (this.next() >= 0);
    this.#advertised.forEach((route) => void this.#holders.remove(route));
    this.#advertised.clear();
  }
}
