import {
  type Address,
  addOffset,
  addressesEqual,
  formatPrefix,
  offsetFrom,
  type Prefix,
  prefixContains,
  prefixSize,
} from '@caracal/net';

/** Blocks larger than this many addresses are refused: a bitmap of them would not be small any more. */
const largestBlock = 2 ** 16;

/**
 * The addresses of one block that this node owns, as a bitmap: which are taken, which rest after their release.
 * Assignment goes round the block, so that a released address is the last to be used again.
 */
export interface Block {
  readonly cidr: Prefix;
  /** The same as text. */
  readonly name: string;
  /** Another one after the pool was split. */
  pool: string;
  /** A bit an address: taken by a handle, or resting. */
  readonly taken: Uint8Array;
  used: number;
  /** How many of those that are used rest. */
  resting: number;
  next: number;
}

/** An empty block; throws RangeError when the prefix holds more than 65,536 addresses. */
export function createBlock(cidr: Prefix, pool: string): Block {
  const size = prefixSize(cidr);
  if (size > largestBlock) throw new RangeError(`a block holds at most ${largestBlock} addresses, not ${size}`);
  const taken = new Uint8Array(Math.ceil(size / 8));
  return { cidr, name: formatPrefix(cidr), pool, taken, used: 0, resting: 0, next: 0 };
}

/** Takes the next free address that is not reserved, or returns undefined when there is none. */
export function takeNext(block: Block, isReserved: (address: Address) => boolean): Address | undefined {
  const size = prefixSize(block.cidr);
  if (block.used >= size) return undefined;
  for (let step = 0; step < size; step++) {
    const offset = (block.next + step) % size;
    if (isTaken(block, offset)) continue;
    const address = addOffset(block.cidr.address, offset);
    if (!address || isReserved(address)) continue;
    setTaken(block, offset, true);
    block.next = (offset + 1) % size;
    return address;
  }
  return undefined;
}

/** Takes one address of the block; false when it is taken, resting or outside the block. */
export function takeAddress(block: Block, address: Address): boolean {
  const offset = blockOffset(block, address);
  if (offset === undefined || isTaken(block, offset)) return false;
  setTaken(block, offset, true);
  block.next = (offset + 1) % prefixSize(block.cidr);
  return true;
}

/** Makes an address free again; false when it was free or is outside the block. */
export function freeAddress(block: Block, address: Address): boolean {
  const offset = blockOffset(block, address);
  if (offset === undefined || !isTaken(block, offset)) return false;
  setTaken(block, offset, false);
  return true;
}

export function freeCount(block: Block): number {
  return prefixSize(block.cidr) - block.used;
}

/** How many addresses are free and not reserved, counted no further than `most`. */
export function countUsable(block: Block, most: number, isReserved: (address: Address) => boolean): number {
  const size = prefixSize(block.cidr);
  let usable = 0;
  // The next one that would be given is looked at first: a block that is not full is not walked.
  for (let step = 0; step < size && usable < most; step++) {
    const offset = (block.next + step) % size;
    if (isTaken(block, offset)) continue;
    const address = addOffset(block.cidr.address, offset);
    if (address && !isReserved(address)) usable++;
  }
  return usable;
}

function blockOffset(block: Block, address: Address): number | undefined {
  if (!prefixContains(block.cidr, address)) return undefined;
  return addressesEqual(block.cidr.address, address) ? 0 : offsetFrom(block.cidr.address, address);
}

function isTaken(block: Block, offset: number): boolean {
  return (block.taken[offset >> 3] & (1 << (offset & 7))) !== 0;
}

function setTaken(block: Block, offset: number, taken: boolean): void {
  const bit = 1 << (offset & 7);
  if (taken) {
    block.taken[offset >> 3] |= bit;
    block.used++;
  } else {
    block.taken[offset >> 3] &= ~bit;
    block.used--;
  }
}
