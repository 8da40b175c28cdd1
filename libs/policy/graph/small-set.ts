/** A set that mostly has no element or one: a Set, of some 200 bytes when empty, is made only for the second. */
export class SmallSet<T extends object> implements Iterable<T> {
  #one: T | undefined;
  #many: Set<T> | undefined;

  get size(): number {
    return this.#many ? this.#many.size : this.#one ? 1 : 0;
  }

  has(value: T): boolean {
    return this.#many ? this.#many.has(value) : this.#one === value;
  }

  add(value: T): void {
    if (this.#many) this.#many.add(value);
    else if (!this.#one) this.#one = value;
    else if (this.#one !== value) {
      this.#many = new Set([this.#one, value]);
      this.#one = undefined;
    }
  }

  delete(value: T): void {
    if (this.#one === value) this.#one = undefined;
    else if (this.#many?.delete(value) && this.#many.size === 0) this.#many = undefined;
  }

  *[Symbol.iterator](): Iterator<T> {
    if (this.#many) yield* this.#many;
    else if (this.#one) yield this.#one;
  }
}
