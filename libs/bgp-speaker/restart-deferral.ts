import { gracefulRestartOf, type SpeakerConfig } from './config.ts';
import type { SpeakerEnvironment } from './environment.ts';
import type { Peer } from './peer.ts';

/** The Selection_Deferral_Timer: who is not back within this time is not waited for. */
const longestMs = 30_000;

/**
 * The restarting speaker of RFC 4724 section 4.1: after a restart nothing is decided or announced until the peers that
 * were there before have said all that they have, so that neither peers nor kernel follow a half-filled table.
 */
export class RestartDeferral {
  readonly #environment: SpeakerEnvironment;
  readonly #ended: () => void;
  #state: 'notBegun' | 'waiting' | 'over' = 'notBegun';
  readonly #awaited: readonly string[];

  /** `ended` is called when the time is over. */
  constructor(environment: SpeakerEnvironment, ended: () => void) {
    this.#environment = environment;
    this.#ended = ended;
    this.#awaited = environment.restarted?.establishedPeers ?? [];
  }

  /** The first configuration begins it, if there is something to wait for. */
  begin(config: SpeakerConfig): void {
    if (this.#state !== 'notBegun') return;
    const restarts = config.peers.some((peer) => gracefulRestartOf(peer).mode === 'Restart');
    this.#state = this.#environment.restarted && restarts ? 'waiting' : 'over';
    if (this.#state === 'over') return;
    this.#environment.log('restarted: waiting for the routes of the peers', { peers: this.#awaited });
    this.#environment.clock.after(longestMs, () => {
      if (this.#state !== 'waiting') return;
      this.#state = 'over';
      this.#ended();
    });
  }

  /** Whether decisions have to wait; `expects`: whether a peer that is not there may come by itself. */
  waits(peers: ReadonlyMap<string, Peer>, expects: (name: string) => boolean): boolean {
    if (this.#state !== 'waiting') return false;
    for (const name of this.#awaited) {
      const peer = peers.get(name);
      // One of a range is there when it has connected.
      if (peer ? !peer.disabled && !complete(peer) : expects(name)) return true;
    }
    this.#state = 'over';
    return false;
  }
}

/** Whether nothing more of what it had is to be expected: peers that restart too are not waited for. */
function complete({ established, negotiated, endOfRib }: Peer): boolean {
  if (!established || !negotiated) return false;
  const { peerRestart, families } = negotiated;
  return !peerRestart || peerRestart.restarting || families.every((family) => endOfRib.has(family));
}
