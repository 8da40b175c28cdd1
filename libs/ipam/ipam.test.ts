import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatAddress, parsePrefix } from '@caracal/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AddressWish,
  type ClaimResult,
  type Journal,
  JournalError,
  openJournal as openJournalFile,
  openNodeIpam,
} from './index.ts';
import { encodeRecord } from './journal-format.ts';

let folder: string;
let opened: Journal[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caracal-ipam-'));
});
afterEach(async () => {
  await Promise.all(opened.map((journal) => journal.close()));
  opened = [];
  await rm(folder, { recursive: true });
});

async function openJournal(path: string): Promise<Journal> {
  const journal = await openJournalFile(path);
  opened.push(journal);
  return journal;
}

const path = () => join(folder, 'journal');
const incarnation = '3f0c6c1e-7d0b-4d52-9a0e-0f6f3c1f2a10';
const describeNothing = () => ({});

/** A node over the real journal file, with a hub that grants blocks of four addresses and a clock moved by hand. */
async function node(
  options: {
    grants?: string[];
    rest?: number;
    clockMs?: number;
    name?: string;
    reserved?: string[];
    settled?: Promise<void>;
    claimAheadBelow?: number;
  } = {},
) {
  const grants = options.grants ?? ['10.0.0.0/30', '10.0.0.4/30'];
  const timers: Array<() => void> = [];
  const delays: number[] = [];
  const claims: string[] = [];
  const clock = { ms: 1_000_000 };
  const journal = await openJournal(path());
  const ipam = await openNodeIpam({
    node: options.name ?? 'n1',
    journal,
    claimBlock: async (pool, address): Promise<ClaimResult> => {
      claims.push(address === undefined ? pool : `${pool} ${address}`);
      if (address === '10.0.9.1') return { ok: false, reason: 'taken', message: 'node n2 owns 10.0.9.0/30' };
      const cidr = address === '10.0.0.6' ? '10.0.0.4/30' : grants.shift();
      return cidr ? { ok: true, cidr, pool } : { ok: false, reason: 'full', message: 'all its blocks have an owner' };
    },
    onBlock: () => {},
    isReserved: (address) => (options.reserved ?? []).includes(formatAddress(address)),
    restMs: options.rest ?? 30_000,
    claimAheadBelow: options.claimAheadBelow ?? 0,
    settled: options.settled,
    newIncarnation: () => incarnation,
    now: () => clock.ms + (options.clockMs ?? 0),
    schedule: (callback, delayMs) => {
      timers.push(callback);
      delays.push(delayMs);
    },
    onClaimAheadFailed: () => {},
  });
  return { ipam, journal, timers, delays, claims, clock };
}

type Ipam = Awaited<ReturnType<typeof node>>['ipam'];

async function assignAll(ipam: Ipam, handle: string, wishes: readonly AddressWish[]) {
  const result = await ipam.assign(handle, wishes, describeNothing);
  if (!result.ok) return result.reason;
  await result.durable;
  return result.assignment.addresses;
}

async function assign(ipam: Ipam, handle: string) {
  const addresses = await assignAll(ipam, handle, [{ pools: ['p'] }]);
  return typeof addresses === 'string' ? addresses : addresses[0];
}

describe('a node assigns from its own blocks', () => {
  it('claims a block only when none has a free address, and says when the pool is full', async () => {
    const { ipam, claims } = await node();
    const given = [];
    for (let i = 0; i < 9; i++) given.push(await assign(ipam, `pod${i}`));
    expect(given).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((i) => `10.0.0.${i}`).concat('full'));
    expect(claims).toHaveLength(3);
  });

  it('passes over what is reserved, and claims the next block when nothing else is left', async () => {
    const { ipam } = await node({ reserved: ['10.0.0.0', '10.0.0.2', '10.0.0.3', '10.0.0.4'] });
    expect([await assign(ipam, 'a'), await assign(ipam, 'b')]).toEqual(['10.0.0.1', '10.0.0.5']);
  });

  it('claims ahead when what is free is reserved: nobody gets that unasked', async () => {
    const { ipam, claims } = await node({ reserved: ['10.0.0.1', '10.0.0.2'], claimAheadBelow: 1 });
    expect(await assign(ipam, 'a')).toBe('10.0.0.0');
    expect(claims).toHaveLength(1);
    expect(await assign(ipam, 'b')).toBe('10.0.0.3');
    await ipam.whileNoClaim(async () => {});
    expect(claims).toHaveLength(2);
    expect(ipam.blocks().map(({ cidr }) => cidr)).toEqual(['10.0.0.0/30', '10.0.0.4/30']);
  });

  it('gives a handle the same address again', async () => {
    const { ipam } = await node();
    expect(await assign(ipam, 'a')).toBe('10.0.0.0');
    expect(await assign(ipam, 'a')).toBe('10.0.0.0');
    const [one, two] = await Promise.all([assign(ipam, 'b'), assign(ipam, 'b')]);
    expect(one).toBe(two);
    expect(ipam.blocks()[0].used).toBe(2);
  });

  it('lets a released address rest, before and after a restart', async () => {
    const first = await node({ grants: ['10.0.0.0/31'] });
    await assign(first.ipam, 'a');
    await assign(first.ipam, 'b');
    await first.ipam.release('a');
    expect(await assign(first.ipam, 'c')).toBe('full');
    expect(first.ipam.blocks()[0].used).toBe(1);
    await first.journal.close();

    const second = await node({ grants: [] });
    expect(await assign(second.ipam, 'c')).toBe('full');
    expect(second.ipam.blocks()[0].used).toBe(1);
    for (const wake of second.timers) wake();
    expect(second.ipam.blocks()[0].used).toBe(1);
    expect(await assign(second.ipam, 'c')).toBe('10.0.0.0');
    expect(second.ipam.blocks()[0].used).toBe(2);
  });

  it('frees no address that was given out again after its rest, though by the clock of a restart it rests still', async () => {
    const first = await node({ grants: ['10.0.0.0/31'] });
    await assign(first.ipam, 'a');
    await assign(first.ipam, 'b');
    await first.ipam.release('a');
    for (const wake of first.timers) wake();
    expect(await assign(first.ipam, 'c')).toBe('10.0.0.0');
    await first.journal.close();

    const second = await node({ grants: [], clockMs: -3_600_000 });
    for (const wake of second.timers) wake();
    expect(second.ipam.blocks()[0].used).toBe(2);
    expect(await assign(second.ipam, 'd')).toBe('full');
  });

  it('lets an address rest its time, and no longer, though the clock was set back an hour or on', async () => {
    const first = await node({ grants: ['10.0.0.0/32'] });
    await assign(first.ipam, 'a');
    await first.ipam.release('a');
    await first.journal.close();
    const back = await node({ grants: [], clockMs: -3_600_000 });
    expect(back.delays).toEqual([30_000]);
    expect(await assign(back.ipam, 'b')).toBe('full');
    // And while the agent runs: its timers do not ask the clock.
    back.clock.ms -= 3_600_000;
    for (const wake of back.timers) wake();
    expect(await assign(back.ipam, 'b')).toBe('10.0.0.0');
    await back.ipam.release('b');
    await back.journal.close();
    const on = await node({ grants: [], clockMs: 3_600_000 });
    expect(on.delays).toEqual([]);
    expect(await assign(on.ipam, 'c')).toBe('10.0.0.0');
  });

  it('releases idempotently', async () => {
    const { ipam } = await node();
    await assign(ipam, 'a');
    await ipam.release('a');
    expect(await ipam.release('a')).toBeUndefined();
    expect(await ipam.release('never seen')).toBeUndefined();
  });

  it('names the lack of a pool', async () => {
    const { ipam } = await node();
    expect(await ipam.assign('a', [{ pools: [] }], describeNothing)).toMatchObject({ ok: false, reason: 'noPool' });
  });

  it('gives an address of each wish, or none', async () => {
    const { ipam } = await node({ grants: ['10.0.0.0/31', 'fd00::/127'] });
    const both = [{ pools: ['p'] }, { pools: ['p6'] }];
    expect(await assignAll(ipam, 'a', both)).toEqual(['10.0.0.0', 'fd00::']);
    expect(await assignAll(ipam, 'b', [{ pools: ['p6'] }])).toEqual(['fd00::1']);
    expect(await assignAll(ipam, 'c', both)).toBe('full');
    // The IPv4 address that it had taken is free again, without a rest: nobody has used it.
    expect(await assignAll(ipam, 'd', [{ pools: ['p'] }])).toEqual(['10.0.0.1']);
  });

  it('tries the next pool when one is full', async () => {
    const { ipam } = await node({ grants: ['10.0.0.0/32', '10.0.0.8/32'] });
    expect(await assignAll(ipam, 'a', [{ pools: ['p'] }])).toEqual(['10.0.0.0']);
    expect(await assignAll(ipam, 'b', [{ pools: ['p', 'q'] }])).toEqual(['10.0.0.8']);
    expect(await assignAll(ipam, 'c', [{ pools: ['p', 'q'] }])).toBe('full');
  });

  it('gives a requested address, also a reserved one, and says who has it', async () => {
    const { ipam, claims } = await node({ reserved: ['10.0.0.6'] });
    const six = [{ pools: ['p'], address: '10.0.0.6' }];
    expect(await assignAll(ipam, 'a', six)).toEqual(['10.0.0.6']);
    expect(claims).toEqual(['p 10.0.0.6']);
    expect(await ipam.assign('b', six, describeNothing)).toMatchObject({
      ok: false,
      reason: 'taken',
      message: '10.0.0.6 is held by a',
    });
    await ipam.release('a');
    expect(await ipam.assign('b', six, describeNothing)).toMatchObject({ ok: false, reason: 'unavailable' });
    expect(await assignAll(ipam, 'c', [{ pools: ['p'], address: '10.0.9.1' }])).toBe('taken');
  });

  it('gives nothing out of a block that is withheld, nor while it is suspended', async () => {
    const { ipam } = await node({ grants: ['10.0.0.0/30', '10.0.0.4/30'] });
    await assign(ipam, 'a');
    ipam.withhold(['10.0.0.0/30']);
    expect(await assign(ipam, 'b')).toBe('10.0.0.4');
    expect(await assignAll(ipam, 'c', [{ pools: ['p'], address: '10.0.0.1' }])).toBe('unavailable');
    ipam.withhold([]);
    expect(await assign(ipam, 'c')).toBe('10.0.0.1');
    ipam.suspend('another node has this name');
    expect(await assign(ipam, 'd')).toBe('unavailable');
    expect(await assign(ipam, 'a')).toBe('10.0.0.0');
  });

  it('gives nothing out before it is settled what it owns, nor what turns out to be another node’s', async () => {
    const first = await node();
    await assign(first.ipam, 'a');
    await first.journal.close();
    const settled = Promise.withResolvers<void>();
    const { ipam } = await node({ grants: ['10.0.0.4/30'], settled: settled.promise });
    const waiting = assign(ipam, 'b');
    await new Promise(setImmediate);
    expect(ipam.assignment('b')).toBeUndefined();
    ipam.withhold(['10.0.0.0/30']);
    settled.resolve();
    expect(await waiting).toBe('10.0.0.4');
  });

  it('does not ask for ever when the hub grants again what is withheld', async () => {
    const { ipam, claims } = await node({ grants: ['10.0.0.0/30', '10.0.0.0/30', '10.0.0.4/30'] });
    expect(await assign(ipam, 'a')).toBe('10.0.0.0');
    ipam.withhold(['10.0.0.0/30']);
    expect(await assign(ipam, 'b')).toBe('unavailable');
    expect(claims).toHaveLength(2);
    expect(await assign(ipam, 'b')).toBe('10.0.0.4');
  });

  it('gives up empty blocks alone, and not while an address rests', async () => {
    const { ipam, timers } = await node({ grants: ['10.0.0.0/32', '10.0.0.4/32'] });
    await assign(ipam, 'a');
    await assign(ipam, 'b');
    await ipam.release('b');
    expect(await ipam.giveUp(() => true)).toEqual([]);
    for (const wake of timers) wake();
    expect(await ipam.giveUp(() => true)).toEqual(['10.0.0.4/32']);
    expect(ipam.blocks().map(({ cidr }) => cidr)).toEqual(['10.0.0.0/32']);
  });

  it('releases a handle once, though many ask, and keeps what it is given next', async () => {
    const { ipam, journal } = await node();
    await assign(ipam, 'a');
    const both = Promise.all([ipam.release('a'), ipam.release('a')]);
    await both;
    expect(await assign(ipam, 'a')).toBe('10.0.0.1');
    await journal.close();
    const again = await node({ grants: [] });
    expect([...again.ipam.assignments()].map(({ addresses }) => addresses)).toEqual([['10.0.0.1']]);
  });
});

it.each([
  ['10.1.0.0/20', 4096],
  ['10.1.0.0/32', 1],
  ['fd00:1::/116', 4096],
  ['fd00:1::/122', 64],
  ['fd00:1::fff0/127', 2],
  ['fd00:1::ffff/128', 1],
])('of a block %s every address is given once, and all are known after a restart', async (cidr, size) => {
  const first = await node({ grants: [cidr] });
  await assign(first.ipam, 'h0');
  const given = new Set(await Promise.all(Array.from({ length: size }, (_, i) => assign(first.ipam, `h${i}`))));
  expect(given.size).toBe(size);
  expect(await assign(first.ipam, 'one more')).toBe('full');
  expect([...given].every((text) => parsePrefix(`${text}/${cidr.includes(':') ? 128 : 32}`) !== undefined)).toBe(true);
  await first.journal.close();
  const { ipam } = await node({ grants: [] });
  expect(ipam.blocks()).toMatchObject([{ cidr, used: size, free: 0 }]);
});

describe('the journal', () => {
  it('brings everything back after a crash at any byte of the last record', async () => {
    const { ipam, journal } = await node();
    await assign(ipam, 'a');
    const before = (await readFile(path())).length;
    await assign(ipam, 'b');
    await journal.close();
    const whole = await readFile(path());
    for (let cut = before; cut <= whole.length; cut++) {
      await writeFile(path(), whole);
      await truncate(path(), cut);
      const again = await node({ grants: [] });
      expect([...again.ipam.assignments()].map((held) => held.handle)).toEqual(
        cut === whole.length ? ['a', 'b'] : ['a'],
      );
      expect(again.journal.torn).toBe(cut !== before && cut !== whole.length);
      expect(await assign(again.ipam, 'c')).toBe(cut === whole.length ? '10.0.0.2' : '10.0.0.1');
      await again.journal.close();
      expect((await openJournal(path())).torn).toBe(false);
    }
  });

  it('refuses damage in its middle and names the line', async () => {
    const { ipam, journal } = await node();
    await assign(ipam, 'a');
    await assign(ipam, 'b');
    await journal.close();
    const text = await readFile(path(), 'utf8');
    await writeFile(path(), text.replace('"handle":"a"', '"handle":"x"'));
    await expect(openJournal(path())).rejects.toThrow(JournalError);
    await expect(openJournal(path())).rejects.toThrow(/line 3 does not agree/);
  });

  it('refuses the journal of another node', async () => {
    const { journal } = await node();
    await journal.close();
    await expect(node({ name: 'n2' })).rejects.toThrow(
      'belongs to node n1, not to n2: give this node the name n1 again, or end its pods and have it cleaned',
    );
  });

  it('takes an append in the very turn in which the one before was acknowledged', async () => {
    const journal = await openJournal(path());
    for (const third of [0, 1, 2]) await journal.append([{ type: 'block', cidr: `10.0.${third}.0/26`, pool: 'a' }]);
    await journal.close();
    expect((await openJournal(path())).records).toHaveLength(3);
  });

  it('loses no append that arrives during a compaction', async () => {
    const journal = await openJournal(path());
    await journal.append([{ type: 'node', node: 'n1', incarnation }]);
    const compacting = journal.compact(() => [{ type: 'node', node: 'n1', incarnation }]);
    await Promise.all([compacting, journal.append([{ type: 'block', cidr: '10.0.0.0/30', pool: 'p' }])]);
    await journal.close();
    expect((await openJournal(path())).records.map((record) => record.type)).toEqual(['node', 'block']);
  });

  it('holds after any interleaving of assignments, releases and compactions what memory holds', async () => {
    const { ipam, journal } = await node({ grants: ['10.0.0.0/26'], rest: 0 });
    const busy = async (worker: number) => {
      for (let i = 0; i < 40; i++) {
        const handle = `w${worker}-${i}`;
        await assign(ipam, handle);
        if (i !== worker) await ipam.release(handle);
      }
    };
    await Promise.all(Array.from({ length: 32 }, (_, worker) => busy(worker)));
    await journal.append([]);
    const held = [...ipam.assignments()].map(({ handle }) => handle).sort();
    expect(held).toHaveLength(32);
    expect(journal.length).toBeLessThan(2500);
    await journal.close();
    const again = await node({ grants: [] });
    expect([...again.ipam.assignments()].map(({ handle }) => handle).sort()).toEqual(held);
  });

  it('compacts what is released, and keeps what is held', async () => {
    const { ipam, journal, timers } = await node({ grants: ['10.0.0.0/26'], rest: 0 });
    await assign(ipam, 'kept');
    const pods = Array.from({ length: 30 }, (_, pod) => pod);
    for (let round = 0; round < 20; round++) {
      await Promise.all(pods.map((pod) => assign(ipam, `pod${round}-${pod}`)));
      await Promise.all(pods.map((pod) => ipam.release(`pod${round}-${pod}`)));
    }
    expect(timers).toHaveLength(0);
    await journal.append([]);
    expect(journal.length).toBeLessThan(600);
    await journal.close();
    const again = await node({ grants: [] });
    expect([...again.ipam.assignments()].map((held) => held.handle)).toEqual(['kept']);
  });

  it('writes a checksum that a person can verify', () => {
    expect(encodeRecord({ type: 'unblock', cidr: '10.0.0.0/26' })).toMatch(/^[0-9a-f]{8} \{"type":"unblock"/);
  });
});
