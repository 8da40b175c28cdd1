/**
 * Routes of one batch in groups by a key, in the order in which the keys came: lists linked through arrays that are used
 * again for every batch.
 */
export class RouteGroups {
  count = 0;
  readonly #byKey = new Map<number, number>();
  /** Per group. */
  readonly #keys: Float64Array;
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  /** Per member. */
  readonly #routes: Int32Array;
  readonly #next: Int32Array;
  #members = 0;

  constructor(capacity: number) {
    this.#keys = new Float64Array(capacity);
    this.#first = new Int32Array(capacity);
    this.#last = new Int32Array(capacity);
    this.#routes = new Int32Array(capacity);
    this.#next = new Int32Array(capacity);
  }

  clear(): void {
    this.#byKey.clear();
    this.count = 0;
    this.#members = 0;
  }

  add(key: number, route: number): void {
    const member = this.#members++;
    this.#routes[member] = route;
    this.#next[member] = -1;
    const group = this.#byKey.get(key);
    if (group === undefined) {
      this.#byKey.set(key, this.count);
      this.#keys[this.count] = key;
      this.#first[this.count] = member;
      this.#last[this.count++] = member;
    } else {
      this.#next[this.#last[group]] = member;
      this.#last[group] = member;
    }
  }

  key(group: number): number {
    return this.#keys[group];
  }

  /** The first member of a group, then with `next` the others; −1 after the last. */
  first(group: number): number {
    return this.#first[group];
  }

  next(member: number): number {
    return this.#next[member];
  }

  route(member: number): number {
    return this.#routes[member];
  }
}
