import { isDeepStrictEqual } from 'node:util';
import { type Address, formatAddress, parseAddress } from '@caracal/net';
import { type Assignment, Assignments } from './assignments.ts';
import { type ClaimResult, createClaims } from './claims.ts';
import type { Journal } from './journal.ts';
import { JournalError } from './journal.ts';
import type { JournalRecord } from './journal-format.ts';
import { type BlockUse, OwnBlocks } from './own-blocks.ts';
import type { AddressWish } from './pools.ts';

/** `unavailable` may pass by itself: the hub is away, or an address rests. */
type Refused = {
  readonly ok: false;
  readonly reason: 'full' | 'unavailable' | 'noPool' | 'taken' | 'limit';
  readonly message: string;
};

export type AssignResult = { readonly ok: true; readonly assignment: Assignment } | Refused;

export interface NodeIpamOptions {
  readonly node: string;
  readonly journal: Journal;
  /** Asks the hub for one more block of a pool; with an address for the block that it lies in. */
  claimBlock(pool: string, address?: string): Promise<ClaimResult>;
  /** Called when a block has become ours, before an address of it is used. */
  onBlock(cidr: string): void;
  /** Whether an IPReservation keeps an address from being given out unasked; asked at each assignment. */
  isReserved(address: Address): boolean;
  /** Called with addresses that nobody holds any more, when their rest begins: flows of their former holder are to be forgotten. */
  onReleased?(addresses: readonly string[]): void;
  /** How long a released address rests before it is used again. */
  readonly restMs: number;
  /** A new block of a pool is claimed in advance when fewer addresses than this are free in it. */
  readonly claimAheadBelow: number;
  /** Nothing is assigned before it resolves: the journal may be a copy from before blocks were given to others. */
  readonly settled?: Promise<void>;
  newIncarnation(): string;
  now(): number;
  schedule(callback: () => void, delayMs: number): void;
  onClaimAheadFailed(pool: string, message: string): void;
}

/**
 * The addresses of one node. Inside its own blocks the node decides alone: memory first, then the journal on disk, and
 * only then is anybody answered. The hub is asked for blocks alone, ahead of need where possible.
 */
export interface NodeIpam {
  readonly incarnation: string;
  assignments(): Iterable<Assignment>;
  assignment(handle: string): Assignment | undefined;
  blocks(): BlockUse[];
  /**
   * Gives the handle one address for each wish, all or none. A handle that holds an assignment gets the same again, whatever it wishes.
   * Resolves when the assignment is in memory. `durable`, absent when it long is, resolves when the journal has it and
   * rejects when the disk refused (the address is free again then).
   */
  assign(
    handle: string,
    wishes: readonly AddressWish[],
    describe: (addresses: readonly string[]) => Record<string, unknown>,
  ): Promise<AssignResult & { readonly durable?: Promise<void> }>;
  /** Frees what the handle holds, after a rest; unknown handles are fine. Resolves when the journal has it. */
  release(handle: string): Promise<Assignment | undefined>;
  /**
   * Runs while no block is being claimed: from the question to the hub until the journal has the answer. So that what the node says it
   * holds is never older than what it was granted.
   */
  whileNoClaim<T>(work: () => Promise<T>): Promise<T>;
  /** Claims a first block of each of these pools that has none here yet, so that the first pod need not wait. */
  prepare(pools: readonly string[]): void;
  /** Blocks out of which nothing more is given, in place of those said before: somebody else owns them too. */
  withhold(cidrs: readonly string[]): void;
  /** While there is a reason nothing is assigned: the node is not the owner of its blocks any more. */
  suspend(reason: string | undefined): void;
  /**
   * Takes over what the hub has for this node: other names of pools, and blocks that the journal does not know but that are in use.
   * Those are not journalled: they go when the hub has them no more.
   */
  adopt(blocks: readonly { readonly cidr: string; readonly pool: string }[]): Promise<void>;
  /** Binds addresses that somebody has to a handle: what runs although the journal does not know it. Who holds one of them already
   * holds it still: it is free when both have released it. */
  keep(assignment: Assignment): Promise<void>;
  /**
   * Gives up the empty blocks for which `unwanted` holds; resolves with them when the journal no longer has them. Only then may the
   * hub be told.
   */
  giveUp(unwanted: (block: BlockUse) => boolean): Promise<string[]>;
}

/** Rebuilds the node's addresses from its journal; throws JournalError when the journal is another node's. */
export async function openNodeIpam(options: NodeIpamOptions): Promise<NodeIpam> {
  const { journal } = options;
  const assignments = new Assignments();
  const blocks = new OwnBlocks(options.schedule);
  /** Assignments that the journal does not have yet. */
  const pending = new Map<string, Promise<void>>();
  /** One release of a handle at a time: a second record would end what was assigned after the first. */
  const releases = new Map<string, Promise<void>>();
  let incarnation = '';
  let suspended: string | undefined;
  let unsettled = options.settled;
  void unsettled?.then(() => {
    unsettled = undefined;
  });

  for (const record of journal.records) replay(record);
  if (incarnation === '') {
    incarnation = options.newIncarnation();
    await journal.append([{ type: 'node', node: options.node, incarnation }]);
  }
  const claims = createClaims(options, blocks);

  function replay(record: JournalRecord): void {
    switch (record.type) {
      case 'node':
        if (record.node !== options.node) {
          const { node } = record;
          throw new JournalError(
            `the journal belongs to node ${node}, not to ${options.node}: give this node the name ${node} again, or end its pods and have it cleaned under that name (caracal-agent clean) before it takes another`,
          );
        }
        incarnation = record.incarnation;
        return;
      case 'block':
        blocks.put(record.cidr, record.pool);
        return;
      case 'unblock':
        blocks.remove(record.cidr);
        return;
      case 'assign':
        for (const address of record.addresses) blocks.hold(addressIn(record.addresses, address));
        for (const address of assignments.set(record)) blocks.rest(address, options.restMs);
        return;
      case 'release': {
        // A clock that was set back makes the age negative; then the address rests its whole time again.
        const age = options.now() - record.atMs;
        const rest = age < 0 ? options.restMs : Math.max(0, options.restMs - age);
        for (const address of assignments.delete(record.handle)) blocks.rest(address, rest);
        return;
      }
    }
  }

  /** Takes an address for each wish, or none. */
  async function takeAll(wishes: readonly AddressWish[]): Promise<Address[] | Refused> {
    const taken: Address[] = [];
    let all = false;
    try {
      for (const wish of wishes) {
        const result = wish.address === undefined ? await takeOrClaim(wish.pools) : await takeExactly(wish);
        if ('ok' in result) return result;
        taken.push(result);
      }
      all = true;
      return taken;
    } finally {
      // Refused, or the disk did not take the block of the next one.
      if (!all) for (const address of taken) blocks.free(formatAddress(address));
    }
  }

  async function takeOrClaim(pools: readonly string[]): Promise<Address | Refused> {
    const reasons: string[] = [];
    let reason: Refused['reason'] = pools.length === 0 ? 'noPool' : 'full';
    for (const pool of pools) {
      for (;;) {
        const address = blocks.takeNext(pool, options.isReserved);
        if (address) {
          claims.ahead(pool);
          return address;
        }
        const result = await claims.claim(pool);
        if (result.ok) continue;
        reasons.push(`${pool}: ${result.message}`);
        // Of several pools, one that may answer later counts more than one that is full.
        if (reason !== 'unavailable') reason = result.reason;
        break;
      }
    }
    return { ok: false, reason, message: reasons.join('; ') || 'no enabled IPPool selects this node' };
  }

  async function takeExactly({ pools: [pool], address: text = '' }: AddressWish): Promise<Address | Refused> {
    const address = parseAddress(text);
    if (!address) return { ok: false, reason: 'noPool', message: `"${text}" is no IP address` };
    for (let attempt = 0; attempt < 2; attempt++) {
      const block = blocks.blockOf(address);
      if (block !== undefined) {
        if (blocks.isWithheld(block)) {
          return { ok: false, reason: 'unavailable', message: `block ${block} is withheld: another node owns it too` };
        }
        if (blocks.take(address)) return address;
        if (blocks.isResting(address)) {
          return { ok: false, reason: 'unavailable', message: `${text} was released a moment ago and still rests` };
        }
        const holder = [...assignments.values()].find((held) => held.addresses.includes(text));
        return { ok: false, reason: 'taken', message: `${text} is held by ${holder?.handle ?? 'another request'}` };
      }
      const result = await claims.claim(pool, text);
      if (!result.ok) return { ok: false, reason: result.reason, message: `${pool}: ${result.message}` };
    }
    return { ok: false, reason: 'unavailable', message: `the hub granted a block without ${text}` };
  }

  /** All that is durable. An append that is still under way is no part of it, and follows. */
  function snapshot(): JournalRecord[] {
    const records: JournalRecord[] = [{ type: 'node', node: options.node, incarnation }];
    for (const { cidr, pool, unsure } of blocks.list()) if (!unsure) records.push({ type: 'block', cidr, pool });
    for (const address of blocks.resting()) {
      const handle = `resting/${address}`;
      records.push({ type: 'assign', handle, addresses: [address], endpoint: {} });
      records.push({ type: 'release', handle, atMs: options.now() });
    }
    for (const assignment of assignments.values()) {
      if (!pending.has(assignment.handle)) records.push({ type: 'assign', ...assignment });
    }
    return records;
  }

  function compactWhenLong(): void {
    // Not more often than in proportion to what a compaction writes: whoever rests is part of it.
    if (journal.length < 1000 + 4 * (assignments.size + blocks.count + blocks.restingCount)) return;
    journal.compact(snapshot).catch(() => {
      // The old file stands and is whole; the next release tries again.
    });
  }

  return {
    get incarnation() {
      return incarnation;
    },
    assignments: () => assignments.values(),
    assignment: (handle) => assignments.get(handle),
    blocks: () => blocks.list(),
    async assign(handle, wishes, describe) {
      if (unsettled) await unsettled;
      // What is being released is nobody's to get again.
      const releasing = releases.get(handle);
      if (releasing) await releasing.catch(() => {});
      const held = assignments.get(handle);
      if (held) return { ok: true, assignment: held, durable: pending.get(handle) };
      if (suspended !== undefined) return { ok: false, reason: 'unavailable', message: suspended };
      const taken = await takeAll(wishes);
      if ('ok' in taken) return taken;
      const addresses = taken.map(formatAddress);
      const raced = assignments.get(handle);
      if (raced) {
        for (const address of addresses) blocks.free(address);
        return { ok: true, assignment: raced, durable: pending.get(handle) };
      }
      const assignment: Assignment = { handle, addresses, endpoint: describe(addresses) };
      assignments.set(assignment);
      const durable = journal
        .append([{ type: 'assign', ...assignment }], () => pending.delete(handle))
        .catch((error: Error) => {
          pending.delete(handle);
          for (const address of assignments.delete(handle)) blocks.free(address);
          throw error;
        });
      pending.set(handle, durable);
      // The caller awaits `durable`; this keeps an early rejection from being reported as unhandled.
      durable.catch(() => {});
      return { ok: true, assignment, durable };
    },
    async release(handle) {
      const assignment = assignments.get(handle);
      if (!assignment) return undefined;
      let releasing = releases.get(handle);
      if (!releasing) {
        releasing = journal
          .append([{ type: 'release', handle, atMs: options.now() }], () => {
            const freed = assignments.delete(handle);
            for (const address of freed) blocks.rest(address, options.restMs);
            options.onReleased?.(freed);
          })
          .finally(() => releases.delete(handle));
        releases.set(handle, releasing);
      }
      await releasing;
      compactWhenLong();
      return assignment;
    },
    prepare(pools) {
      for (const pool of pools) if (blocks.countOf(pool) === 0 && suspended === undefined) claims.ahead(pool);
    },
    whileNoClaim: claims.whileNone,
    withhold: (cidrs) => blocks.withhold(cidrs),
    suspend: (reason) => {
      suspended = reason;
    },
    async adopt(found) {
      for (const cidr of blocks.unsure()) if (!found.some((block) => block.cidr === cidr)) blocks.remove(cidr);
      const held = [...assignments.values()].flatMap(({ addresses }) => addresses);
      for (const { cidr, pool } of found) blocks.putUnsure(cidr, pool, held);
      const known = new Map(blocks.list().map((block) => [block.cidr, block]));
      const moved = found.filter(({ cidr, pool }) => !known.get(cidr)?.unsure && known.get(cidr)?.pool !== pool);
      if (moved.length === 0) return;
      await journal.append(
        moved.map(({ cidr, pool }) => ({ type: 'block', cidr, pool })),
        () => {
          for (const { cidr, pool } of moved) blocks.put(cidr, pool);
        },
      );
    },
    async keep(assignment) {
      const former = assignments.get(assignment.handle);
      if (former && isDeepStrictEqual(former, assignment)) return;
      for (const text of assignment.addresses) blocks.hold(addressIn(assignment.addresses, text));
      await journal.append([{ type: 'assign', ...assignment }], () => {
        for (const address of assignments.set(assignment)) blocks.rest(address, options.restMs);
      });
    },
    async giveUp(unwanted) {
      const given: string[] = [];
      for (const block of blocks.list()) {
        if (block.unsure || !unwanted(block) || !blocks.isEmpty(block.cidr)) continue;
        blocks.setLeaving(block.cidr, true);
        try {
          await journal.append([{ type: 'unblock', cidr: block.cidr }], () => blocks.remove(block.cidr));
          given.push(block.cidr);
        } finally {
          blocks.setLeaving(block.cidr, false);
        }
      }
      return given;
    },
  };
}

function addressIn(addresses: readonly string[], text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new JournalError(`${text} among ${addresses.join(', ')} is no address`);
  return address;
}
