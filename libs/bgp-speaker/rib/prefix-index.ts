import { addressFromBytes, type Family, type Prefix } from '@caracal/net';
import { grow } from './grow.ts';
import { hashBytes, hashStart } from './hash.ts';

/** Stands in the lengths for a number that is not in use. */
const unused = 255;

/**
 * Prefixes of one family as small numbers: a hash table of (address, length) with open addressing over typed arrays.
 * The numbers of removed prefixes are given out again.
 */
export class PrefixIndex {
  readonly family: Family;
  readonly #octets: number;
  #addresses: Uint8Array;
  #lengths = new Uint8Array(16);
  /** Number + 1 of the prefix in a slot, 0 for an empty one. Its length is a power of two. */
  #slots = new Int32Array(32);
  /** One above the highest number ever given out. */
  #end = 0;
  #free: number[] = [];

  constructor(family: Family) {
    this.family = family;
    this.#octets = family === 4 ? 4 : 16;
    this.#addresses = new Uint8Array(16 * this.#octets);
  }

  /** How many prefixes there are. */
  get size(): number {
    return this.#end - this.#free.length;
  }

  /** All numbers are below this one. */
  get end(): number {
    return this.#end;
  }

  /** What it occupies. */
  get bytes(): number {
    return this.#addresses.byteLength + this.#lengths.byteLength + this.#slots.byteLength + 8 * this.#free.length;
  }

  /** The number of the prefix, or −1. */
  find(prefix: Prefix): number {
    return this.findBytes(prefix.address.bytes, prefix.length);
  }

  /** The number of the prefix, which is added when it is new. */
  add(prefix: Prefix): number {
    return this.addBytes(prefix.address.bytes, prefix.length);
  }

  /** As `find`, for an address without bits beyond the length. */
  findBytes(address: Uint8Array, length: number): number {
    return this.#slots[this.#slotOf(address, 0, length)] - 1;
  }

  /** As `add`, for an address without bits beyond the length. */
  addBytes(bytes: Uint8Array, length: number): number {
    const slot = this.#slotOf(bytes, 0, length);
    if (this.#slots[slot] !== 0) return this.#slots[slot] - 1;
    const number = this.#free.pop() ?? this.#end++;
    if (number >= this.#lengths.length) {
      this.#lengths = grow(this.#lengths, number + 1);
      this.#addresses = grow(this.#addresses, this.#lengths.length * this.#octets);
    }
    const start = number * this.#octets;
    for (let i = 0; i < this.#octets; i++) this.#addresses[start + i] = bytes[i];
    this.#lengths[number] = length;
    this.#slots[slot] = number + 1;
    if (2 * this.size > this.#slots.length) this.#rehash();
    return number;
  }

  /** Removes the prefix of the number, which will stand for another one; nothing when it stands for none. */
  remove(number: number): void {
    if (this.#lengths[number] === unused) return;
    let hole = this.#slotOf(this.#addresses, number * this.#octets, this.#lengths[number]);
    const mask = this.#slots.length - 1;
    // Linear probing without tombstones: close the hole with what would not be found any more.
    for (let next = (hole + 1) & mask; this.#slots[next] !== 0; next = (next + 1) & mask) {
      const other = this.#slots[next] - 1;
      const home = this.#hash(this.#addresses, other * this.#octets, this.#lengths[other]) & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        this.#slots[hole] = other + 1;
        hole = next;
      }
    }
    this.#slots[hole] = 0;
    this.#lengths[number] = unused;
    this.#free.push(number);
  }

  /** The prefix of a number. */
  at(number: number): Prefix {
    const start = number * this.#octets;
    const bytes = this.#addresses.slice(start, start + this.#octets);
    return { address: addressFromBytes(bytes), length: this.#lengths[number] };
  }

  /** Writes the prefix of a number as NLRI (RFC 4271 section 4.3); returns where it ends. */
  write(number: number, to: Uint8Array, at: number): number {
    const length = this.#lengths[number];
    const octets = (length + 7) >> 3;
    const start = number * this.#octets;
    to[at] = length;
    for (let i = 0; i < octets; i++) to[at + 1 + i] = this.#addresses[start + i];
    return at + 1 + octets;
  }

  /** The slot that holds the prefix, or the empty one where it would go. */
  #slotOf(bytes: Uint8Array, at: number, length: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = this.#hash(bytes, at, length) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] - 1;
      if (number < 0 || (this.#lengths[number] === length && this.#equal(bytes, at, number))) return slot;
    }
  }

  #equal(bytes: Uint8Array, at: number, number: number): boolean {
    const start = number * this.#octets;
    for (let i = 0; i < this.#octets; i++) if (bytes[at + i] !== this.#addresses[start + i]) return false;
    return true;
  }

  #hash(bytes: Uint8Array, at: number, length: number): number {
    return hashBytes(hashStart ^ length, bytes, at, at + this.#octets);
  }

  #rehash(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let number = 0; number < this.#end; number++) {
      if (this.#lengths[number] === unused) continue;
      this.#slots[this.#slotOf(this.#addresses, number * this.#octets, this.#lengths[number])] = number + 1;
    }
  }
}
