import { type Address, formatAddress, parseAddress, parsePrefix, prefixContains } from '@caracal/net';
import { type Block, countUsable, createBlock, freeAddress, freeCount, takeAddress, takeNext } from './block.ts';
import { JournalError } from './journal.ts';

/** A block of this node and how full it is. */
export interface BlockUse {
  readonly cidr: string;
  readonly pool: string;
  readonly used: number;
  readonly free: number;
  /** The hub has it as ours, and in use, and the journal does not know it: nothing is given out of it. */
  readonly unsure: boolean;
}

/** The time between an address' release and its next use; in no block when that has been given up. */
interface Rest {
  readonly block: Block | undefined;
}

/**
 * The blocks that this node owns, and which of their addresses are taken or rest. A withheld block is still ours to route and to take
 * back from, but nothing new is given out of it.
 */
export class OwnBlocks {
  readonly #schedule: (callback: () => void, delayMs: number) => void;
  readonly #blocks: Block[] = [];
  /** The rest that an address has; a timer that belongs to another one is too late. */
  readonly #resting = new Map<string, Rest>();
  readonly #withheld = new Set<string>();
  readonly #leaving = new Set<string>();
  readonly #unsure = new Set<string>();

  constructor(schedule: (callback: () => void, delayMs: number) => void) {
    this.#schedule = schedule;
  }

  /** Adds a block, or gives one that is there to another pool. Throws JournalError when it is no prefix. */
  put(cidr: string, pool: string): void {
    const prefix = parsePrefix(cidr);
    if (!prefix) throw new JournalError(`${cidr} is no prefix of a block`);
    this.#unsure.delete(cidr);
    const known = this.#find(cidr);
    if (known) known.pool = pool;
    else this.#blocks.push(createBlock(prefix, pool));
  }

  remove(cidr: string): void {
    const index = this.#blocks.findIndex(({ name }) => name === cidr);
    if (index >= 0) this.#blocks.splice(index, 1);
    this.#withheld.delete(cidr);
    this.#unsure.delete(cidr);
  }

  /** Adds a block of which only the hub knows that it is ours; `held` are addresses of handles, which may lie in it. */
  putUnsure(cidr: string, pool: string, held: Iterable<string>): void {
    if (this.#find(cidr)) return;
    this.put(cidr, pool);
    this.#unsure.add(cidr);
    for (const text of held) {
      const address = parseAddress(text);
      if (address) this.take(address);
    }
  }

  unsure(): string[] {
    return [...this.#unsure];
  }

  has(cidr: string): boolean {
    return this.#find(cidr) !== undefined;
  }

  withhold(cidrs: Iterable<string>): void {
    this.#withheld.clear();
    for (const cidr of cidrs) this.#withheld.add(cidr);
  }

  /** A block that is being given up is withheld too. */
  setLeaving(cidr: string, leaving: boolean): void {
    if (leaving) this.#leaving.add(cidr);
    else this.#leaving.delete(cidr);
  }

  isWithheld(cidr: string): boolean {
    return this.#withheld.has(cidr) || this.#leaving.has(cidr) || this.#unsure.has(cidr);
  }

  list(): BlockUse[] {
    return this.#blocks.map((block) => ({
      cidr: block.name,
      pool: block.pool,
      used: block.used - block.resting,
      free: freeCount(block),
      unsure: this.#unsure.has(block.name),
    }));
  }

  /** Nothing in it is taken, and nothing rests. */
  isEmpty(cidr: string): boolean {
    return this.#find(cidr)?.used === 0;
  }

  get count(): number {
    return this.#blocks.length;
  }

  countOf(pool: string): number {
    return this.#blocks.filter((block) => block.pool === pool).length;
  }

  /** Whether so many addresses could be given out of a pool's blocks unasked. */
  hasFree(pool: string, least: number, isReserved: (address: Address) => boolean): boolean {
    let found = 0;
    for (const block of this.#usable(pool)) {
      if (found >= least) break;
      found += countUsable(block, least - found, isReserved);
    }
    return found >= least;
  }

  /** The block that an address lies in. */
  blockOf(address: Address): string | undefined {
    return this.#blockWith(address)?.name;
  }

  takeNext(pool: string, isReserved: (address: Address) => boolean): Address | undefined {
    for (const block of this.#usable(pool)) {
      const address = takeNext(block, isReserved);
      if (address) return address;
    }
    return undefined;
  }

  /** False when it is taken, resting, or in no block of ours. */
  take(address: Address): boolean {
    return this.#blocks.some((block) => takeAddress(block, address));
  }

  /**
   * Somebody has it, whatever was known of it. A journal can say so of an address that rests by the clock of now: the
   * timer of a former run had ended its rest, and the clock was set back since.
   */
  hold(address: Address): void {
    if (!this.#endRest(formatAddress(address))) this.take(address);
  }

  free(text: string): void {
    const address = parseAddress(text);
    if (address) for (const block of this.#blocks) if (freeAddress(block, address)) return;
  }

  /** Free after a while; at once when the delay is zero. */
  rest(text: string, delayMs: number): void {
    if (delayMs <= 0) {
      this.free(text);
      return;
    }
    this.#endRest(text);
    const address = parseAddress(text);
    const block = address && this.#blockWith(address);
    const rest: Rest = { block };
    this.#resting.set(text, rest);
    if (block) block.resting++;
    this.#schedule(() => {
      if (this.#resting.get(text) !== rest) return;
      this.#endRest(text);
      this.free(text);
    }, delayMs);
  }

  isResting(address: Address): boolean {
    return this.#resting.has(formatAddress(address));
  }

  resting(): Iterable<string> {
    return this.#resting.keys();
  }

  get restingCount(): number {
    return this.#resting.size;
  }

  #usable(pool: string): Block[] {
    return this.#blocks.filter((block) => block.pool === pool && !this.isWithheld(block.name));
  }

  #find(cidr: string): Block | undefined {
    return this.#blocks.find(({ name }) => name === cidr);
  }

  #blockWith(address: Address): Block | undefined {
    return this.#blocks.find(({ cidr }) => prefixContains(cidr, address));
  }

  /** Whether it was resting. */
  #endRest(text: string): boolean {
    const rest = this.#resting.get(text);
    if (rest?.block) rest.block.resting--;
    return this.#resting.delete(text);
  }
}
