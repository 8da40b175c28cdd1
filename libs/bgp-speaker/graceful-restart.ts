import { type Capability, ceaseErrors, errorCodes, familyNumbers, type RouteFamily, routeFamilyOf } from 'bgp-parser';
import type { GracefulRestartConfig } from './config.ts';
import type { Clock, Timer } from './environment.ts';

/** What the graceful restart capability of a peer says (RFC 4724 section 3). */
export interface PeerRestart {
  /** The R bit: it has restarted, and waits for nobody's End-of-RIB. */
  readonly restarting: boolean;
  readonly restartTimeSeconds: number;
  /** Families that it keeps forwarding in when it restarts, and whether it has done so this time (the F bit). */
  readonly families: ReadonlyMap<RouteFamily, boolean>;
  /** Both sides: a NOTIFICATION keeps routes too, unless it is a hard reset (RFC 8538). */
  readonly notification: boolean;
}

/** How a session ended. */
export type Ending = { readonly by: 'transport' } | { readonly by: 'notification'; code: number; subcode: number };

/** What we say of ourselves in an OPEN; nothing when it is off. */
export function restartCapability(
  config: GracefulRestartConfig,
  families: readonly RouteFamily[],
  own: { readonly restarting: boolean; readonly forwardingKept: boolean },
): Capability[] {
  if (config.mode === 'Off') return [];
  // Without families: we keep no forwarding state for the peer, but help it, and send End-of-RIB (RFC 4724 section 3).
  const kept = config.mode === 'Restart' ? families : [];
  return [
    {
      name: 'gracefulRestart',
      restarting: own.restarting && kept.length > 0,
      notification: config.notification ?? false,
      restartTimeSeconds: config.mode === 'Restart' ? config.restartTimeSeconds : 0,
      families: kept.map((family) => ({ ...familyNumbers(family), forwardingKept: own.forwardingKept })),
    },
  ];
}

/** What the peer's capabilities say of its restarts; undefined without the capability, or when we have it off. */
export function peerRestartOf(
  config: GracefulRestartConfig,
  capabilities: readonly Capability[],
): PeerRestart | undefined {
  // RFC 4724 section 3: of several the last one counts.
  const theirs = capabilities.findLast((capability) => capability.name === 'gracefulRestart');
  if (theirs?.name !== 'gracefulRestart' || config.mode === 'Off') return undefined;
  const families = new Map<RouteFamily, boolean>();
  for (const { afi, safi, forwardingKept } of theirs.families) {
    const family = routeFamilyOf(afi, safi);
    if (family) families.set(family, forwardingKept);
  }
  const { restarting, restartTimeSeconds } = theirs;
  return { restarting, restartTimeSeconds, families, notification: theirs.notification && !!config.notification };
}

/** The families whose routes stay when a session ends so (RFC 4724 section 4.2, RFC 8538 section 4). */
export function keptFamilies(peer: PeerRestart | undefined, ending: Ending): readonly RouteFamily[] {
  if (!peer) return [];
  if (ending.by === 'notification') {
    const hard = ending.code === errorCodes.cease && ending.subcode === ceaseErrors.hardReset;
    if (hard || !peer.notification) return [];
  }
  return [...peer.families.keys()];
}

/** How long stale routes stay when the peer is back but sends no End-of-RIB. */
const staleRoutesMs = 360_000;

/**
 * The receiving speaker of RFC 4724 section 4.2, for one peer: its routes stay in use while it restarts, until it has
 * announced them again or its time is over. `sweep` removes what is still stale of a family.
 */
export class RestartHelper {
  readonly #clock: Clock;
  readonly #sweep: (family: RouteFamily) => void;
  readonly #stale = new Set<RouteFamily>();
  #timer: Timer | undefined;

  constructor(clock: Clock, sweep: (family: RouteFamily) => void) {
    this.#clock = clock;
    this.#sweep = sweep;
  }

  get helping(): boolean {
    return this.#stale.size > 0;
  }

  /** The session is over, and the peer's routes of these families were marked stale. */
  begin(families: readonly RouteFamily[], restartTimeSeconds: number): void {
    for (const family of families) this.#stale.add(family);
    this.#wait(restartTimeSeconds * 1000);
  }

  /** The peer is back: a family that it did not keep forwarding in is swept at once. */
  onEstablished(peer: PeerRestart | undefined): void {
    for (const family of [...this.#stale]) if (!peer?.families.get(family)) this.end(family);
    if (this.helping) this.#wait(staleRoutesMs);
  }

  /** The peer has announced all that it has, or will not come back. */
  end(...families: RouteFamily[]): void {
    for (const family of families.length > 0 ? families : [...this.#stale]) {
      if (this.#stale.delete(family)) this.#sweep(family);
    }
    if (!this.helping) this.#timer?.cancel();
  }

  #wait(milliseconds: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(milliseconds, () => this.end());
  }
}
