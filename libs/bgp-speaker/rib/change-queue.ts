import { Bitmap } from './bitmap.ts';
import { grow } from './grow.ts';

/** Indices that wait for work, each at most once, in the order in which they came. */
export class ChangeQueue {
  readonly #queued = new Bitmap();
  #ring = new Int32Array(64);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What it occupies. */
  get bytes(): number {
    return this.#ring.byteLength + this.#queued.bytes;
  }

  /** False when it waits already. */
  push(index: number): boolean {
    if (!this.#queued.add(index)) return false;
    if (this.#length === this.#ring.length) {
      // Unrolled, so that the free half follows the waiting ones.
      const unrolled = grow(this.#ring, this.#ring.length + 1);
      unrolled.set(this.#ring.subarray(this.#head));
      unrolled.set(this.#ring.subarray(0, this.#head), this.#ring.length - this.#head);
      this.#ring = unrolled;
      this.#head = 0;
    }
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = index;
    return true;
  }

  /** The next index, or −1 when none waits. */
  shift(): number {
    if (this.#length === 0) return -1;
    const index = this.#ring[this.#head];
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    this.#queued.delete(index);
    return index;
  }

  /** The index that is taken after `later` others; only for fewer than wait. */
  at(later: number): number {
    return this.#ring[(this.#head + later) & (this.#ring.length - 1)];
  }

  has(index: number): boolean {
    return this.#queued.has(index);
  }

  clear(): void {
    this.#queued.clear();
    this.#head = 0;
    this.#length = 0;
  }
}
