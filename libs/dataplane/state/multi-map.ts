/** A map from keys to sets of values; keys without values are not kept. */
export class MultiMap<K, V> {
  readonly #map = new Map<K, Set<V>>();

  get(key: K): ReadonlySet<V> {
    return this.#map.get(key) ?? new Set();
  }

  add(key: K, value: V): void {
    const values = this.#map.get(key);
    if (values) values.add(value);
    else this.#map.set(key, new Set([value]));
  }

  delete(key: K, value: V): void {
    const values = this.#map.get(key);
    if (values?.delete(value) && values.size === 0) this.#map.delete(key);
  }
}
