import type { AttributeFault } from 'bgp-parser';
import type { SpeakerEnvironment } from './environment.ts';
import type { Peer } from './peer.ts';

/** How often a peer's malformed attributes are logged at most. */
const everyMs = 1000;

/**
 * Logs malformed attributes (RFC 7606 section 8), a line a second for each peer: three octets of an UPDATE can be a fault,
 * and must not be able to fill a disk.
 */
export class FaultLog {
  readonly #environment: Pick<SpeakerEnvironment, 'clock' | 'log'>;
  readonly #peers = new WeakMap<Peer, { loggedAt: number; unlogged: number }>();

  constructor(environment: Pick<SpeakerEnvironment, 'clock' | 'log'>) {
    this.#environment = environment;
  }

  /** Logs the first of the faults, with how many there were beside it since the last line. */
  note(peer: Peer, faults: readonly AttributeFault[]): void {
    if (faults.length === 0) return;
    const now = this.#environment.clock.monotonic();
    const known = this.#peers.get(peer);
    const unlogged = (known?.unlogged ?? 0) + faults.length;
    if (known && now - known.loggedAt < everyMs) {
      known.unlogged = unlogged;
      return;
    }
    this.#peers.set(peer, { loggedAt: now, unlogged: 0 });
    const others = unlogged > 1 ? { others: unlogged - 1 } : {};
    this.#environment.log('malformed attribute', { peer: peer.config.name, ...faults[0], ...others });
  }
}
