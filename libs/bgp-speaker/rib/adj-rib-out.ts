import { Bitmap } from './bitmap.ts';
import { ChangeQueue } from './change-queue.ts';

/**
 * What one peer was told of one family: a bit for each advertised route (what was said follows from the best path), and
 * the routes whose news it has yet to hear. News of a route that changes again while it waits are told once.
 */
export class AdjRibOut {
  readonly advertised = new Bitmap();
  readonly pending = new ChangeQueue();
  /** The route of the default prefix, when the peer is told one of our own in place of any other; else −1. */
  defaultRoute = -1;
  /** The peer has yet to hear of it. */
  defaultDue = false;
  /** How the peer is treated: those with the same share what they are told. */
  treatment = '';
  /** An End-of-RIB is due when nothing is pending. */
  endOfRibDue = false;
  /** The mark that ends a refresh is due then (RFC 7313). */
  refreshEndDue = false;

  /** What it occupies. */
  get bytes(): number {
    return this.advertised.bytes + this.pending.bytes;
  }

  holds(route: number): boolean {
    return route === this.defaultRoute || this.advertised.has(route) || this.pending.has(route);
  }
}
