import type { RouteFamily } from 'bgp-parser';
import type { Clock, Timer } from './environment.ts';
import type { Peer } from './peer.ts';

/** How long routes may be stale in a refresh that does not end: as long as after a restart without End-of-RIB. */
const longestMs = 360_000;

/**
 * The upper bound on stale routes of an enhanced refresh (RFC 7313 section 4.1): a peer that says that its routes begin and
 * never that they end keeps none by it.
 */
export class RefreshTimers {
  readonly #clock: Clock;
  readonly #sweep: (peer: Peer, family: RouteFamily) => void;
  readonly #timers = new Map<Peer, Map<RouteFamily, Timer>>();

  /** `sweep` removes what is still stale. */
  constructor(clock: Clock, sweep: (peer: Peer, family: RouteFamily) => void) {
    this.#clock = clock;
    this.#sweep = sweep;
  }

  /** The first mark of a refresh; one that follows before the end leaves the time as it is. */
  begin(peer: Peer, family: RouteFamily): void {
    const timers = this.#timers.get(peer) ?? new Map<RouteFamily, Timer>();
    if (timers.has(family)) return;
    const timer = this.#clock.after(longestMs, () => {
      timers.delete(family);
      this.#sweep(peer, family);
    });
    this.#timers.set(peer, timers.set(family, timer));
  }

  end(peer: Peer, family: RouteFamily): void {
    const timers = this.#timers.get(peer);
    timers?.get(family)?.cancel();
    timers?.delete(family);
  }

  /** The session is over. */
  forget(peer: Peer): void {
    for (const timer of this.#timers.get(peer)?.values() ?? []) timer.cancel();
    this.#timers.delete(peer);
  }
}
