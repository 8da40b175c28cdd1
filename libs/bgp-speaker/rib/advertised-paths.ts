import type { AttributeStore } from './attribute-store.ts';

/** Said of a path before, but to be said again. */
const unsaid = -1;

/**
 * Which paths a peer was told that hears of several to a prefix (RFC 7911): for every route its path identifiers, each with
 * the number of the attributes that were told. Those stay in use, so that the number means the same as then.
 */
export class AdvertisedPaths {
  readonly #byRoute = new Map<number, Map<number, number>>();
  readonly #attributes: AttributeStore;

  constructor(attributes: AttributeStore) {
    this.#attributes = attributes;
  }

  /** How many paths the peer was told of. */
  get size(): number {
    let count = 0;
    for (const paths of this.#byRoute.values()) count += paths.size;
    return count;
  }

  /** The identifiers of a route. */
  ids(route: number): Iterable<number> {
    return this.#byRoute.get(route)?.keys() ?? [];
  }

  /** Whether the peer has heard of the path, with these attributes. */
  says(route: number, id: number, attributes: number): boolean {
    return this.#byRoute.get(route)?.get(id) === attributes;
  }

  set(route: number, id: number, attributes: number): void {
    const paths = this.#byRoute.get(route) ?? new Map<number, number>();
    this.#byRoute.set(route, paths);
    this.#attributes.retain(attributes);
    this.#release(paths.get(id));
    paths.set(id, attributes);
  }

  /** False when the peer has not heard of the path. */
  delete(route: number, id: number): boolean {
    const paths = this.#byRoute.get(route);
    if (!paths?.has(id)) return false;
    this.#release(paths.get(id));
    paths.delete(id);
    if (paths.size === 0) this.#byRoute.delete(route);
    return true;
  }

  /** All that was told is to be told again. */
  unsayAll(): void {
    for (const paths of this.#byRoute.values()) {
      for (const [id, attributes] of paths) {
        this.#release(attributes);
        paths.set(id, unsaid);
      }
    }
  }

  /** The session is over. */
  clear(): void {
    this.unsayAll();
    this.#byRoute.clear();
  }

  #release(attributes: number | undefined): void {
    if (attributes !== undefined && attributes !== unsaid) this.#attributes.release(attributes);
  }
}
