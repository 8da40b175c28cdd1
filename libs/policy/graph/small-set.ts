/** A set that mostly has no element or one: a Set, of some 200 bytes when empty, is made only for the second. */
export class SmallSet<T extends object> implements Iterable<T> {
  #content: T | Set<T> | undefined;

  get size(): number {
    return this.#content instanceof Set ? this.#content.size : this.#content ? 1 : 0;
  }

  has(value: T): boolean {
    return this.#content instanceof Set ? this.#content.has(value) : this.#content === value;
  }

  add(value: T): void {
    if (this.#content instanceof Set) this.#content.add(value);
    else if (!this.#content) this.#content = value;
    else if (this.#content !== value) this.#content = new Set([this.#content, value]);
  }

  delete(value: T): void {
    if (this.#content === value) this.#content = undefined;
    else if (this.#content instanceof Set && this.#content.delete(value) && this.#content.size === 0)
      this.#content = undefined;
  }

  *[Symbol.iterator](): Iterator<T> {
    if (this.#content instanceof Set) yield* this.#content;
    else if (this.#content) yield this.#content;
  }
}
