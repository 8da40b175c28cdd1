import { grow } from './grow.ts';

/** The peer number of routes that we originate. */
export const localPeer = 0;

/** Why a path of an Adj-RIB-In takes no part in the decision (RFC 4271 section 9.1.2); bits. */
export const excluded = {
  /** The import policy rejects it. */
  byPolicy: 1,
  /** Our AS number is in its path. */
  asLoop: 2,
  /** ORIGINATOR_ID or CLUSTER_LIST name us (RFC 4456 section 8). */
  reflectionLoop: 4,
  /** Its next hop is ours, or no unicast address. */
  nextHop: 8,
} as const;

/** Paths as rows of typed arrays; the paths to one prefix are a list linked by their numbers. */
export class PathStore {
  /** The next path to the same prefix, or −1. */
  next = new Int32Array(16);
  peer = new Int32Array(16);
  /** The number of its attributes in the attribute store. */
  attributes = new Int32Array(16);
  /** Bits of {@link excluded}; 0 for a candidate. */
  exclusion = new Uint8Array(16);
  /** Path identifiers (RFC 7911): not there until a peer sends one. */
  #ids: Uint32Array | undefined;
  #end = 0;
  #freeHead = -1;
  #freeCount = 0;

  get size(): number {
    return this.#end - this.#freeCount;
  }

  /** What it occupies. */
  get bytes(): number {
    const columns = [this.next, this.peer, this.attributes, this.exclusion, this.#ids];
    return columns.reduce((sum, column) => sum + (column?.byteLength ?? 0), 0);
  }

  allocate(peer: number, attributes: number, exclusion: number, next: number, id = 0): number {
    let path = this.#freeHead;
    if (path >= 0) {
      this.#freeHead = this.next[path];
      this.#freeCount--;
    } else {
      path = this.#end++;
      if (path >= this.next.length) {
        this.next = grow(this.next, path + 1);
        this.peer = grow(this.peer, path + 1);
        this.attributes = grow(this.attributes, path + 1);
        this.exclusion = grow(this.exclusion, path + 1);
        if (this.#ids) this.#ids = grow(this.#ids, path + 1);
      }
    }
    this.next[path] = next;
    this.peer[path] = peer;
    this.attributes[path] = attributes;
    this.exclusion[path] = exclusion;
    if (id !== 0) this.#ids ??= new Uint32Array(this.next.length);
    if (this.#ids) this.#ids[path] = id;
    return path;
  }

  /** Whether any path has ever had an identifier. */
  get hasIds(): boolean {
    return this.#ids !== undefined;
  }

  /** The path identifier that the peer gave it; 0 when it gives none. */
  id(path: number): number {
    return this.#ids ? this.#ids[path] : 0;
  }

  free(path: number): void {
    this.next[path] = this.#freeHead;
    this.#freeHead = path;
    this.#freeCount++;
  }
}
