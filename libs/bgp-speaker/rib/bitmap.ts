/** A growing set of small numbers, one bit each, that counts its members. */
export class Bitmap {
  size = 0;
  #words = new Uint32Array(8);

  /** What it occupies. */
  get bytes(): number {
    return this.#words.byteLength;
  }

  has(index: number): boolean {
    const word = index >>> 5;
    return word < this.#words.length && (this.#words[word] & (1 << (index & 31))) !== 0;
  }

  /** Adds the number; false when it was there. */
  add(index: number): boolean {
    const word = index >>> 5;
    if (word >= this.#words.length) {
      const grown = new Uint32Array(Math.max(word + 1, 2 * this.#words.length));
      grown.set(this.#words);
      this.#words = grown;
    }
    const bit = 1 << (index & 31);
    if (this.#words[word] & bit) return false;
    this.#words[word] |= bit;
    this.size++;
    return true;
  }

  /** Removes the number; false when it was not there. */
  delete(index: number): boolean {
    if (!this.has(index)) return false;
    this.#words[index >>> 5] &= ~(1 << (index & 31));
    this.size--;
    return true;
  }

  /** Calls for every member, the lowest first. */
  forEach(visit: (index: number) => void): void {
    for (let word = 0; word < this.#words.length; word++) {
      for (let rest = this.#words[word]; rest !== 0; rest &= rest - 1) visit(32 * word + 31 - Math.clz32(rest & -rest));
    }
  }

  clear(): void {
    this.#words.fill(0);
    this.size = 0;
  }
}
