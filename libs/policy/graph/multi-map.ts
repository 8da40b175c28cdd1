/** A map with several values a key, made for the case that nearly every key has one: no set is allocated for it. */
export class MultiMap<K, V extends object> {
  readonly #entries = new Map<K, V | Set<V>>();

  add(key: K, value: V): void {
    const present = this.#entries.get(key);
    if (present === undefined || present === value) this.#entries.set(key, value);
    else if (present instanceof Set) present.add(value);
    else this.#entries.set(key, new Set([present, value]));
  }

  delete(key: K, value: V): void {
    const present = this.#entries.get(key);
    if (present === value) this.#entries.delete(key);
    else if (present instanceof Set) {
      present.delete(value);
      if (present.size === 0) this.#entries.delete(key);
    }
  }

  /** Values must not themselves be sets. */
  *get(key: K): Iterable<V> {
    const present = this.#entries.get(key);
    if (present instanceof Set) yield* present;
    else if (present !== undefined) yield present;
  }
}
