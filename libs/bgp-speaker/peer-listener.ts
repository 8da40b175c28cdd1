import type { AttributeFault, RouteFamily, RouteRefresh, Update } from 'bgp-parser';
import type { Peer } from './peer.ts';

/** What a peer tells the speaker. */
export interface PeerListener {
  onEstablished(peer: Peer): void;
  /** The established session is over; the routes of these families stay while the peer restarts. */
  onDown(peer: Peer, kept: readonly RouteFamily[]): void;
  /** The peer's routes of the family that are still stale are to go. */
  onStaleEnd(peer: Peer, family: RouteFamily): void;
  /** Whether this process has restarted and is not done yet. */
  restarting(): boolean;
  /** As `SessionOwner.onPlainUpdate`. */
  onPlainUpdate(peer: Peer, bytes: Uint8Array, start: number, end: number): boolean;
  onUpdate(peer: Peer, update: Update, faults: readonly AttributeFault[]): void;
  onRouteRefresh(peer: Peer, refresh: RouteRefresh): void;
  onDrain(peer: Peer): void;
  /** A peer of a range has no session any more. */
  onIdle(peer: Peer): void;
  onChange(): void;
}
