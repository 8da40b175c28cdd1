import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long one thing may keep the event loop: sockets, CNI requests and keepalives wait meanwhile. */
const longestMs = 3;
/** A clock is asked once in so many questions: it costs as much as what it measures. */
const questionsAReading = 8;

/** Tells work that has many steps when to let others in. */
export class Turn {
  #startedAt: number | undefined;
  #questions = 0;

  /** Whether enough was done since the event loop ran last. */
  readonly over = (): boolean => {
    if (this.#startedAt === undefined) {
      this.#startedAt = performance.now();
      setImmediate(() => {
        this.#startedAt = undefined;
      });
      return false;
    }
    if (++this.#questions % questionsAReading !== 0) return false;
    return performance.now() - this.#startedAt >= longestMs;
  };

  /** Resolves when the event loop has run. */
  async rest(): Promise<void> {
    await nextTurn();
  }
}
