import { type Address, formatAddress, formatPrefix, parseAddress, parsePrefix, prefixContains } from '@caracal/net';
import { type Block, createBlock, freeAddress, freeCount, takeAddress, takeNext } from './block.ts';
import type { Journal } from './journal.ts';
import { JournalError } from './journal.ts';
import type { JournalRecord } from './journal-format.ts';

/** What a handle holds: its addresses, and the agent's own description of the endpoint. */
export interface Assignment {
  readonly handle: string;
  readonly addresses: readonly string[];
  readonly endpoint: Readonly<Record<string, unknown>>;
}

/** How the hub answers a claim. */
export type ClaimResult =
  | { readonly ok: true; readonly cidr: string; readonly pool: string }
  | { readonly ok: false; readonly reason: 'full' | 'unavailable'; readonly message: string };

export type AssignResult =
  | { readonly ok: true; readonly assignment: Assignment }
  | { readonly ok: false; readonly reason: 'full' | 'unavailable' | 'noPool'; readonly message: string };

export interface NodeIpamOptions {
  readonly node: string;
  readonly journal: Journal;
  /** Asks the hub for one more block of a pool. */
  claimBlock(pool: string): Promise<ClaimResult>;
  /** Called when a block has become ours, before an address of it is used. */
  onBlock(cidr: string): void;
  /** Whether an IPReservation keeps an address from being given out; asked at each assignment. */
  isReserved(address: Address): boolean;
  /** How long a released address rests before it is used again. */
  readonly restMs: number;
  /** A new block of a pool is claimed in advance when fewer addresses than this are free in it. */
  readonly claimAheadBelow: number;
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
  blocks(): Array<{ cidr: string; pool: string; used: number; free: number }>;
  /**
   * Gives the handle one address of the first pool that has one. A handle that holds an assignment gets the same again.
   * Resolves when the assignment is in memory. `durable`, absent when it long is, resolves when the journal has it and
   * rejects when the disk refused (the address is free again then).
   */
  assign(
    handle: string,
    pools: readonly string[],
    describe: (addresses: readonly string[]) => Record<string, unknown>,
  ): Promise<AssignResult & { readonly durable?: Promise<void> }>;
  /** Frees what the handle holds, after a rest; unknown handles are fine. Resolves when the journal has it. */
  release(handle: string): Promise<Assignment | undefined>;
  /** Claims a first block of each of these pools that has none here yet, so that the first pod need not wait. */
  prepare(pools: readonly string[]): void;
}

/** Rebuilds the node's addresses from its journal; throws JournalError when the journal is another node's. */
export async function openNodeIpam(options: NodeIpamOptions): Promise<NodeIpam> {
  const { journal } = options;
  const assignments = new Map<string, Assignment>();
  const blocks: Block[] = [];
  const pending = new Map<string, Promise<void>>();
  const resting = new Set<string>();
  const claims = new Map<string, Promise<ClaimResult>>();
  let incarnation = '';

  for (const record of journal.records) replay(record);
  if (incarnation === '') {
    incarnation = options.newIncarnation();
    await journal.append({ type: 'node', node: options.node, incarnation });
  }

  function replay(record: JournalRecord): void {
    switch (record.type) {
      case 'node':
        if (record.node !== options.node) {
          throw new JournalError(`the journal belongs to node ${record.node}, not to ${options.node}`);
        }
        incarnation = record.incarnation;
        return;
      case 'block':
        addBlock(record.cidr, record.pool);
        return;
      case 'unblock': {
        const index = blocks.findIndex((block) => formatPrefix(block.cidr) === record.cidr);
        if (index >= 0) blocks.splice(index, 1);
        return;
      }
      case 'assign':
        if (assignments.has(record.handle)) return;
        assignments.set(record.handle, record);
        for (const address of record.addresses) take(address);
        return;
      case 'release': {
        const assignment = assignments.get(record.handle);
        if (!assignment) return;
        assignments.delete(record.handle);
        // A clock that was set back makes the age negative; then the address rests its whole time again.
        const age = options.now() - record.atMs;
        const rest = age < 0 ? options.restMs : Math.max(0, options.restMs - age);
        for (const address of assignment.addresses) restThenFree(address, rest);
        return;
      }
    }
  }

  function addBlock(cidr: string, pool: string): void {
    const prefix = parsePrefix(cidr);
    if (!prefix) throw new JournalError(`${cidr} is no prefix of a block`);
    if (!blocks.some((block) => formatPrefix(block.cidr) === cidr)) blocks.push(createBlock(prefix, pool));
  }

  function take(text: string): void {
    const address = parseAddress(text);
    if (!address) throw new JournalError(`${text} is no address`);
    for (const block of blocks) if (takeAddress(block, address)) return;
  }

  function free(text: string): void {
    const address = parseAddress(text);
    if (address) for (const block of blocks) if (freeAddress(block, address)) return;
  }

  function restThenFree(address: string, delayMs: number): void {
    resting.add(address);
    const wake = () => {
      resting.delete(address);
      free(address);
    };
    if (delayMs <= 0) wake();
    else options.schedule(wake, delayMs);
  }

  function restingIn(block: Block): number {
    let count = 0;
    for (const text of resting) {
      const address = parseAddress(text);
      if (address && prefixContains(block.cidr, address)) count++;
    }
    return count;
  }

  function claim(pool: string): Promise<ClaimResult> {
    let claiming = claims.get(pool);
    if (!claiming) {
      claiming = claimOne(pool).finally(() => claims.delete(pool));
      claims.set(pool, claiming);
    }
    return claiming;
  }

  async function claimOne(pool: string): Promise<ClaimResult> {
    const result = await options.claimBlock(pool);
    if (!result.ok) return result;
    await journal.append({ type: 'block', cidr: result.cidr, pool: result.pool });
    addBlock(result.cidr, result.pool);
    options.onBlock(result.cidr);
    return result;
  }

  /** Claims the next block of a pool in the background when it runs low. */
  function claimAhead(pool: string): void {
    const left = blocks.reduce((sum, block) => sum + (block.pool === pool ? freeCount(block) : 0), 0);
    if (left >= options.claimAheadBelow || claims.has(pool)) return;
    claim(pool).then(
      (result) => {
        if (!result.ok && result.reason === 'unavailable') options.onClaimAheadFailed(pool, result.message);
      },
      (error: Error) => options.onClaimAheadFailed(pool, error.message),
    );
  }

  function takeFrom(pool: string): Address | undefined {
    for (const block of blocks) {
      const address = block.pool === pool ? takeNext(block, options.isReserved) : undefined;
      if (address) return address;
    }
    return undefined;
  }

  async function takeOrClaim(pools: readonly string[]): Promise<Address | Exclude<AssignResult, { ok: true }>> {
    const reasons: string[] = [];
    let unavailable = false;
    for (const pool of pools) {
      for (;;) {
        const address = takeFrom(pool);
        if (address) {
          claimAhead(pool);
          return address;
        }
        const result = await claim(pool);
        if (result.ok) continue;
        reasons.push(`${pool}: ${result.message}`);
        unavailable ||= result.reason === 'unavailable';
        break;
      }
    }
    if (pools.length === 0) {
      return {
        ok: false,
        reason: 'noPool',
        message: 'no enabled IPPool selects this node; apply one, or its nodeSelector',
      };
    }
    return { ok: false, reason: unavailable ? 'unavailable' : 'full', message: reasons.join('; ') };
  }

  function compactWhenLong(): void {
    if (journal.length < 1000 + 4 * (assignments.size + blocks.length)) return;
    const records: JournalRecord[] = [{ type: 'node', node: options.node, incarnation }];
    for (const block of blocks) records.push({ type: 'block', cidr: formatPrefix(block.cidr), pool: block.pool });
    for (const address of resting) {
      const handle = `resting/${address}`;
      records.push({ type: 'assign', handle, addresses: [address], endpoint: {} });
      records.push({ type: 'release', handle, atMs: options.now() });
    }
    for (const assignment of assignments.values()) records.push({ type: 'assign', ...assignment });
    journal.compact(records).catch(() => {
      // The old file stands and is whole; the next release tries again.
    });
  }

  return {
    incarnation,
    assignments: () => assignments.values(),
    assignment: (handle) => assignments.get(handle),
    blocks: () =>
      blocks.map((block) => ({
        cidr: formatPrefix(block.cidr),
        pool: block.pool,
        used: block.used - restingIn(block),
        free: freeCount(block),
      })),
    async assign(handle, pools, describe) {
      const held = assignments.get(handle);
      if (held) return { ok: true, assignment: held, durable: pending.get(handle) };
      const taken = await takeOrClaim(pools);
      if ('ok' in taken) return taken;
      const raced = assignments.get(handle);
      if (raced) {
        free(formatAddress(taken));
        return { ok: true, assignment: raced, durable: pending.get(handle) };
      }
      const addresses = [formatAddress(taken)];
      const assignment: Assignment = { handle, addresses, endpoint: describe(addresses) };
      assignments.set(handle, assignment);
      const durable = journal
        .append({ type: 'assign', ...assignment })
        .catch((error: Error) => {
          assignments.delete(handle);
          for (const address of addresses) free(address);
          throw error;
        })
        .finally(() => pending.delete(handle));
      pending.set(handle, durable);
      // The caller awaits `durable`; this keeps an early rejection from being reported as unhandled.
      durable.catch(() => {});
      return { ok: true, assignment, durable };
    },
    async release(handle) {
      const assignment = assignments.get(handle);
      if (!assignment) return undefined;
      await journal.append({ type: 'release', handle, atMs: options.now() });
      assignments.delete(handle);
      for (const address of assignment.addresses) restThenFree(address, options.restMs);
      compactWhenLong();
      return assignment;
    },
    prepare(pools) {
      for (const pool of pools) if (!blocks.some((block) => block.pool === pool)) claimAhead(pool);
    },
  };
}
