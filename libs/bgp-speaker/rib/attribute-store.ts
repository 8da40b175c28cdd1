import { type Address, ipv4FromNumber } from '@caracal/net';
import {
  asPathLength,
  type DecodeContext,
  decodeAttributes,
  encodeAttributes,
  origins,
  type PathAttributes,
} from 'bgp-parser';
import { ByteSlab } from './byte-slab.ts';
import { grow } from './grow.ts';
import { hashBytes, hashStart } from './hash.ts';
import { PlainAttributes, plainBits, scanPlainAttributes } from './plain-attributes.ts';

/** RFC 4271 leaves it to the implementation; every one takes 100. */
const defaultLocalPref = 100;

/** The form in which attributes are kept: what an internal four-octet peer would be sent, without routes. */
export const storeContext: DecodeContext = {
  fourOctetAs: true,
  external: false,
  addPath: [],
  extendedNextHop: true,
  extendedMessage: true,
  confederation: true,
};

/**
 * Sets of path attributes as small numbers: equal bytes, equal number. The next hop is among them, as NEXT_HOP or as an
 * MP_REACH_NLRI without prefixes. What the decision process compares stands in columns, so that comparing reads no
 * objects; the rest is decoded when asked for. Numbers are counted by their users and given out again.
 */
export class AttributeStore {
  localPref = new Uint32Array(16);
  pathLength = new Uint16Array(16);
  origin = new Uint8Array(16);
  med = new Uint32Array(16);
  /** The first AS of the path; 0 when it is empty or begins with a set. */
  neighborAs = new Uint32Array(16);
  /** 0 when there is none. */
  originatorId = new Uint32Array(16);
  clusterListLength = new Uint16Array(16);
  readonly #bytes = new ByteSlab();
  readonly #scanned = new PlainAttributes();
  #end = 0;
  #users = new Int32Array(16);
  #hashes = new Int32Array(16);
  /** Number + 1, 0 for an empty slot, −1 for one that was emptied. */
  #slots = new Int32Array(32);
  #usedSlots = 0;
  #free: number[] = [];

  /** How many distinct sets there are. */
  get size(): number {
    return this.#end - this.#free.length;
  }

  /** What it occupies. */
  get bytes(): number {
    const compared = [this.localPref, this.pathLength, this.origin, this.med, this.neighborAs, this.originatorId];
    const columns = [...compared, this.clusterListLength, this.#users, this.#hashes, this.#slots];
    const inColumns = columns.reduce((sum, column) => sum + column.byteLength, 0);
    return inColumns + this.#bytes.capacity + 8 * this.#free.length;
  }

  /** The number of a set of attributes, with one more user. */
  intern(attributes: PathAttributes): number {
    const bytes = encodeAttributes(attributes, storeContext);
    const hash = hashBytes(hashStart, bytes, 0, bytes.length);
    const found = this.#find(bytes, 0, bytes.length, hash);
    if (found >= 0) {
      this.#users[found]++;
      return found;
    }
    const number = this.#add(bytes, 0, bytes.length, hash);
    const path = attributes.asPath ?? [];
    this.localPref[number] = attributes.localPref ?? defaultLocalPref;
    this.pathLength[number] = Math.min(0xffff, asPathLength(path));
    this.origin[number] = attributes.origin ?? origins.incomplete;
    this.med[number] = attributes.med ?? 0;
    this.neighborAs[number] = path[0]?.type === 'sequence' ? path[0].asNumbers[0] : 0;
    this.originatorId[number] = attributes.originatorId ?? 0;
    this.clusterListLength[number] = attributes.clusterList?.length ?? 0;
    return number;
  }

  /** As `intern`, for a plain list in `bytes[start, end)` that was scanned. */
  internPlain(bytes: Uint8Array, start: number, end: number, scanned: PlainAttributes): number {
    const hash = hashBytes(hashStart, bytes, start, end);
    const found = this.#find(bytes, start, end, hash);
    if (found >= 0) {
      this.#users[found]++;
      return found;
    }
    const number = this.#add(bytes, start, end, hash);
    this.localPref[number] = scanned.localPref;
    this.pathLength[number] = scanned.pathLength;
    this.origin[number] = scanned.origin;
    this.med[number] = scanned.med;
    this.neighborAs[number] = scanned.neighborAs;
    this.originatorId[number] = 0;
    this.clusterListLength[number] = 0;
    return number;
  }

  retain(number: number): void {
    this.#users[number]++;
  }

  release(number: number): void {
    if (--this.#users[number] > 0) return;
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[number] & mask;
    while (this.#slots[slot] !== number + 1) slot = (slot + 1) & mask;
    this.#slots[slot] = -1;
    this.#bytes.remove(number);
    this.#free.push(number);
  }

  /** The next hop: the global address of an IPv6 route; undefined for a route of our own. */
  nextHop(number: number): Address | undefined {
    const scanned = this.#scanned;
    if (!this.scan(number, scanned)) return nextHopOf(this.at(number));
    return scanned.seen & plainBits.nextHop ? ipv4FromNumber(scanned.nextHop) : undefined;
  }

  /** Reads a plain list into `scanned`, whose places are of `slab`; false when the list is not plain. */
  scan(number: number, scanned: PlainAttributes): boolean {
    const start = this.#bytes.start(number);
    return scanPlainAttributes(this.#bytes.bytes, start, start + this.#bytes.length(number), scanned);
  }

  /** The bytes of all sets; valid until the next one is added. */
  get slab(): Uint8Array {
    return this.#bytes.bytes;
  }

  /** Where the bytes of a set end in `slab`. */
  endInSlab(number: number): number {
    return this.#bytes.start(number) + this.#bytes.length(number);
  }

  /** The attributes of a number, decoded anew. */
  at(number: number): PathAttributes {
    const list = this.#users[number] > 0 && decodeAttributes(this.#bytes.copy(number), storeContext);
    if (!list || 'kind' in list) throw new Error(`attribute set ${number} does not exist`);
    return list.attributes;
  }

  #add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const number = this.#free.pop() ?? this.#end++;
    if (number >= this.#users.length) this.#grow(number + 1);
    this.#bytes.set(number, bytes, start, end);
    this.#users[number] = 1;
    this.#hashes[number] = hash;
    this.#insert(number, hash);
    return number;
  }

  #find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] - 1;
      if (number >= 0 && this.#hashes[number] === hash && this.#bytes.equals(number, bytes, start, end)) {
        return number;
      }
    }
    return -1;
  }

  #insert(number: number, hash: number): void {
    if (2 * (this.#usedSlots + 1) > this.#slots.length) {
      this.#slots = new Int32Array(Math.max(32, 4 * 2 ** Math.ceil(Math.log2(this.size + 1))));
      this.#usedSlots = 0;
      for (let i = 0; i < this.#end; i++) {
        if (this.#users[i] > 0 && i !== number) this.#insert(i, this.#hashes[i]);
      }
    }
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] > 0) slot = (slot + 1) & mask;
    if (this.#slots[slot] === 0) this.#usedSlots++;
    this.#slots[slot] = number + 1;
  }

  #grow(length: number): void {
    this.localPref = grow(this.localPref, length);
    this.pathLength = grow(this.pathLength, length);
    this.origin = grow(this.origin, length);
    this.med = grow(this.med, length);
    this.neighborAs = grow(this.neighborAs, length);
    this.originatorId = grow(this.originatorId, length);
    this.clusterListLength = grow(this.clusterListLength, length);
    this.#users = grow(this.#users, length);
    this.#hashes = grow(this.#hashes, length);
  }
}

/** The next hop of a set of attributes: of two IPv6 addresses the global one, unless it is none. */
export function nextHopOf(attributes: PathAttributes): Address | undefined {
  if (attributes.nextHop) return attributes.nextHop;
  const reach = attributes.mpReach;
  if (!reach || reach.family === 'other') return undefined;
  const [first, second] = reach.nextHops;
  return second && first.bytes.every((byte) => byte === 0) ? second : first;
}
