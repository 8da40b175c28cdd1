import { grow } from './grow.ts';

/**
 * Short byte strings by number, one behind the other in one array: a string costs its bytes and eight more, and the
 * collector sees one object. What removed strings leave is reclaimed when it is half of all.
 */
export class ByteSlab {
  #bytes = new Uint8Array(4096);
  #used = 0;
  #garbage = 0;
  #starts = new Uint32Array(16);
  #lengths = new Uint32Array(16);

  /** The array that holds all strings; valid until the next `set`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** What it occupies. */
  get capacity(): number {
    return this.#bytes.byteLength + this.#starts.byteLength + this.#lengths.byteLength;
  }

  start(number: number): number {
    return this.#starts[number];
  }

  length(number: number): number {
    return this.#lengths[number];
  }

  /** Keeps a copy of `source[start, end)` under a number that has no string. */
  set(number: number, source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (number >= this.#starts.length) {
      this.#starts = grow(this.#starts, number + 1);
      this.#lengths = grow(this.#lengths, number + 1);
    }
    if (this.#used + length > this.#bytes.length) this.#makeRoom(length);
    if (length < 64) for (let i = 0; i < length; i++) this.#bytes[this.#used + i] = source[start + i];
    else this.#bytes.set(source.subarray(start, end), this.#used);
    this.#starts[number] = this.#used;
    this.#lengths[number] = length;
    this.#used += length;
  }

  remove(number: number): void {
    this.#garbage += this.#lengths[number];
    this.#lengths[number] = 0;
  }

  equals(number: number, other: Uint8Array, start: number, end: number): boolean {
    if (this.#lengths[number] !== end - start) return false;
    const at = this.#starts[number] - start;
    for (let i = start; i < end; i++) if (this.#bytes[at + i] !== other[i]) return false;
    return true;
  }

  /** A copy of a string. */
  copy(number: number): Uint8Array {
    return this.#bytes.slice(this.#starts[number], this.#starts[number] + this.#lengths[number]);
  }

  /** Compacts, into a larger array when what is in use is more than half. */
  #makeRoom(length: number): void {
    const kept = this.#used - this.#garbage + length;
    const from = this.#bytes;
    let capacity = from.length;
    while (capacity < 1.5 * kept) capacity += capacity >> 1;
    const to = new Uint8Array(capacity);
    let used = 0;
    for (let number = 0; number < this.#starts.length; number++) {
      const size = this.#lengths[number];
      if (size === 0) continue;
      const start = this.#starts[number];
      to.set(from.subarray(start, start + size), used);
      this.#starts[number] = used;
      used += size;
    }
    this.#bytes = to;
    this.#used = used;
    this.#garbage = 0;
  }
}
