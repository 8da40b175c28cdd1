import { grow } from './grow.ts';

/**
 * How many Adj-RIBs-Out hold each route of a family: a route without paths keeps its number while the peers have yet to
 * hear that it is gone. A count for each, so that letting go asks no peer.
 */
export class Holders {
  /** A peer counts twice at most, for what it was told and for news that wait: room for 32,767 peers. */
  #counts = new Uint16Array(16);

  /** What it occupies. */
  get bytes(): number {
    return this.#counts.byteLength;
  }

  has(route: number): boolean {
    return route < this.#counts.length && this.#counts[route] > 0;
  }

  add(route: number): void {
    if (route >= this.#counts.length) this.#counts = grow(this.#counts, route + 1);
    this.#counts[route]++;
  }

  /** Takes back one `add`. */
  remove(route: number): void {
    this.#counts[route]--;
  }
}
