import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long one thing may keep the event loop: sockets, CNI requests and keepalives wait meanwhile. */
const longestMs = 3;
/** A clock is asked once in so many questions: it costs as much as what it measures. */
const questionsAReading = 8;

/** Tells work that has many steps when to let others in. */
export class Turn {
  #startedAt: number | undefined;
  #questions = 0;

  /** Whether enough was done since the event loop ran last; for steps of microseconds. */
  readonly over = (): boolean => {
    if (this.#startedAt !== undefined && ++this.#questions % questionsAReading !== 0) return false;
    return this.overNow();
  };

  /** The same by the clock; for steps of a millisecond. */
  overNow(): boolean {
    if (this.#startedAt !== undefined) return performance.now() - this.#startedAt >= longestMs;
    this.#startedAt = performance.now();
    setImmediate(() => {
      this.#startedAt = undefined;
    });
    return false;
  }

  /** Resolves when the event loop has run; what comes next is counted from there. */
  async rest(): Promise<void> {
    await nextTurn();
    this.overNow();
  }
}
