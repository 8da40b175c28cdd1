/** Keys that wait to be worked on: each at most once, and one that failed later than the time before. */
export class WorkQueue {
  readonly #now: () => number;
  readonly #backoffMs: { readonly first: number; readonly last: number };
  /** When each waiting key may be taken. */
  readonly #due = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  #wake: (() => void) | undefined;

  constructor(now: () => number = Date.now, backoffMs = { first: 200, last: 60_000 }) {
    this.#now = now;
    this.#backoffMs = backoffMs;
  }

  get size(): number {
    return this.#due.size;
  }

  /** To be worked on as soon as possible: something about it changed. */
  add(key: string): void {
    this.#due.set(key, this.#now());
    this.#wake?.();
  }

  /** To be tried again, later with every failure in a row. */
  failed(key: string): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.later(key, Math.min(this.#backoffMs.first * 2 ** (failures - 1), this.#backoffMs.last));
  }

  /** To be looked at again after a while, unless it is to be before. */
  later(key: string, ms: number): void {
    const due = this.#now() + ms;
    this.#due.set(key, Math.min(this.#due.get(key) ?? due, due));
    this.#wake?.();
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }

  /** Takes keys that are due; empty when none is. */
  take(atMost: number): string[] {
    const now = this.#now();
    const taken: string[] = [];
    for (const [key, due] of this.#due) {
      if (due > now) continue;
      taken.push(key);
      if (taken.length === atMost) break;
    }
    for (const key of taken) this.#due.delete(key);
    return taken;
  }

  /** Resolves when a key may be due, or the signal aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    const ms = this.#nextMs();
    if (signal.aborted || ms === 0) return;
    await new Promise<void>((resolve) => {
      // setTimeout counts in 31 bits; with nothing due, whoever adds a key wakes us.
      const timer = Number.isFinite(ms) ? setTimeout(() => wake(), Math.min(ms, 0x7fffffff)) : undefined;
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake);
    });
  }

  /** Milliseconds until the first key is due: 0 when one is, infinite when none waits. */
  #nextMs(): number {
    const now = this.#now();
    let next = Number.POSITIVE_INFINITY;
    for (const due of this.#due.values()) {
      if (due <= now) return 0;
      next = Math.min(next, due - now);
    }
    return next;
  }
}
