import { SmallSet } from './small-set.ts';

/** A map with several values a key, made for the case that nearly every key has one: no set is allocated for it. */
export class MultiMap<K, V extends object> {
  readonly #entries = new Map<K, V | SmallSet<V>>();

  add(key: K, value: V): void {
    const present = this.#entries.get(key);
    if (present === undefined) this.#entries.set(key, value);
    else if (present instanceof SmallSet) present.add(value);
    else {
      const values = new SmallSet<V>();
      values.add(present);
      values.add(value);
      this.#entries.set(key, values);
    }
  }

  delete(key: K, value: V): void {
    const present = this.#entries.get(key);
    if (present instanceof SmallSet) {
      present.delete(value);
      if (present.size === 0) this.#entries.delete(key);
    } else if (present === value) this.#entries.delete(key);
  }

  *get(key: K): Iterable<V> {
    const present = this.#entries.get(key);
    if (present instanceof SmallSet) yield* present;
    else if (present !== undefined) yield present;
  }
}
