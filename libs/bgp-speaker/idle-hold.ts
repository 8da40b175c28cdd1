import type { SpeakerEnvironment, Timer } from './environment.ts';

/** The first wait after a session ended; doubled with every failure, up to the connect retry time. */
const firstMs = 500;

/** RFC 4271 section 10: between 0.75 and 1 of a time. */
export function jitter(ms: number, random: () => number): number {
  return ms * (0.75 + 0.25 * random());
}

/** The idle hold time of RFC 4271 section 8.1.1 (DampPeerOscillations): short at first, then longer. */
export class IdleHold {
  readonly #environment: Pick<SpeakerEnvironment, 'clock' | 'random'>;
  #timer: Timer | undefined;
  #failures = 0;

  constructor(environment: Pick<SpeakerEnvironment, 'clock' | 'random'>) {
    this.#environment = environment;
  }

  /** Another attempt failed: `run` is called after the wait that follows from how many did. */
  begin(longestMs: number, run: () => void): void {
    const wait = Math.min(longestMs, firstMs * 2 ** Math.min(this.#failures++, 10));
    this.beginFor(jitter(wait, this.#environment.random), run);
  }

  beginFor(ms: number, run: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#environment.clock.after(ms, run);
  }

  cancel(): void {
    this.#timer?.cancel();
  }

  /** A session was established. */
  succeeded(): void {
    this.#failures = 0;
  }
}
