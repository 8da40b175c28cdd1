import type { SpeakerEnvironment, Timer } from './environment.ts';
import type { EventName } from './fsm/table.ts';

/** How long a hold timer that ran out waits for what may lie unread in the socket of a busy process. */
const holdGraceMs = 50;

/** The timers of one session (RFC 4271 section 8); each calls `expired` with its event. */
export class SessionTimers {
  readonly #environment: Pick<SpeakerEnvironment, 'clock' | 'random'>;
  readonly #expired: (event: EventName) => void;
  #connectRetry: Timer | undefined;
  #hold: Timer | undefined;
  #keepalive: Timer | undefined;
  #lastHeard = 0;

  constructor(environment: Pick<SpeakerEnvironment, 'clock' | 'random'>, expired: (event: EventName) => void) {
    this.#environment = environment;
    this.#expired = expired;
  }

  startConnectRetry(ms: number): void {
    this.#connectRetry?.cancel();
    this.#connectRetry = this.#environment.clock.after(ms, () => this.#expired('ConnectRetryTimerExpires'));
  }

  stopConnectRetry(): void {
    this.#connectRetry?.cancel();
  }

  /** Begins the hold time; 0 for none. */
  startHold(ms: number): void {
    this.#armHold(ms, ms);
  }

  /** A message came: the hold time begins anew. Costs no timer. */
  heard(): void {
    this.#lastHeard = this.#environment.clock.monotonic();
  }

  /** RFC 4271 section 10: a third of the hold time, with a jitter of 0.75 to 1. */
  startKeepalive(holdTimeSeconds: number): void {
    this.#keepalive?.cancel();
    if (holdTimeSeconds === 0) return;
    const ms = (holdTimeSeconds * 1000) / 3;
    const jitter = 0.75 + 0.25 * this.#environment.random();
    this.#keepalive = this.#environment.clock.after(ms * jitter, () => this.#expired('KeepaliveTimerExpires'));
  }

  stop(): void {
    this.#connectRetry?.cancel();
    this.#hold?.cancel();
    this.#keepalive?.cancel();
  }

  /** One timer that re-arms itself for the rest. */
  #armHold(holdMs: number, waitMs: number, grace = false): void {
    this.#hold?.cancel();
    if (holdMs === 0) return;
    this.#hold = this.#environment.clock.after(waitMs, () => {
      const left = this.#lastHeard + holdMs - this.#environment.clock.monotonic();
      if (left > 0) this.#armHold(holdMs, left);
      else if (!grace) this.#armHold(holdMs, holdGraceMs, true);
      else this.#expired('HoldTimerExpires');
    });
  }
}
