// An address that several handles hold, as after a journal that was an old one, or by a release and an assignment at the same time.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Journal, type NodeIpam, openJournal, openNodeIpam } from './index.ts';

let folder: string;
let journal: Journal;
let ipam: NodeIpam;
let timers: Array<() => void>;
/** What an append waits for; it rejects as a full disk does. */
let disk: () => Promise<void>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caracal-holders-'));
  disk = async () => {};
  await start();
});
afterEach(async () => {
  await journal.close();
  await rm(folder, { recursive: true });
});

/** A node whose only pool is one block of two addresses. */
async function start(): Promise<void> {
  journal = await openJournal(join(folder, 'journal'));
  timers = [];
  let granted = journal.records.some(({ type }) => type === 'block');
  ipam = await openNodeIpam({
    node: 'n1',
    journal: {
      ...journal,
      append: async (...append) => {
        await disk();
        await journal.append(...append);
      },
    },
    claimBlock: async (pool) => {
      if (granted) return { ok: false, reason: 'full', message: 'no block is left' };
      granted = true;
      return { ok: true, cidr: '10.0.0.0/31', pool };
    },
    onBlock: () => {},
    isReserved: () => false,
    restMs: 30_000,
    claimAheadBelow: 0,
    newIncarnation: () => '3f0c6c1e-7d0b-4d52-9a0e-0f6f3c1f2a10',
    now: () => 1_000_000,
    schedule: (callback) => timers.push(callback),
    onClaimAheadFailed: () => {},
  });
}

async function restart(): Promise<void> {
  await journal.close();
  await start();
}

/** What rests has rested. */
function rest(): void {
  for (const wake of timers.splice(0)) wake();
}

async function assign(handle: string): Promise<string> {
  const result = await ipam.assign(handle, [{ pools: ['p'] }], () => ({}));
  if (!result.ok) return result.reason;
  await result.durable;
  return result.assignment.addresses[0];
}

it.each([false, true])(
  'is free when the last of them has released it, and not before (after a restart: %s)',
  async (again) => {
    expect(await assign('former')).toBe('10.0.0.0');
    // The journal is an old one: meanwhile the address has become that of a pod which it does not know.
    await ipam.keep({ handle: 'recovered/cara1', addresses: ['10.0.0.0'], endpoint: {} });
    if (again) await restart();
    await ipam.release('former');
    rest();
    expect(await assign('a')).toBe('10.0.0.1');
    expect(await assign('b')).toBe('full');
    if (again) await restart();
    expect(await assign('b')).toBe('full');
    await ipam.release('recovered/cara1');
    expect(await assign('b')).toBe('full');
    rest();
    expect(await assign('b')).toBe('10.0.0.0');
  },
);

it.each([false, true])(
  'of a handle that is kept with other addresses the former ones are free again (after a restart: %s)',
  async (again) => {
    await assign('a');
    await ipam.keep({ handle: 'a', addresses: ['10.0.0.1'], endpoint: {} });
    if (again) await restart();
    rest();
    expect(await assign('b')).toBe('10.0.0.0');
    expect(await assign('c')).toBe('full');
    expect(ipam.blocks()).toMatchObject([{ used: 2, free: 0 }]);
  },
);

it('who asks for a handle while it is released gets an address that stays', async () => {
  await assign('a');
  const [released, given] = await Promise.all([ipam.release('a'), assign('a')]);
  expect(released?.addresses).toEqual(['10.0.0.0']);
  expect(given).toBe('10.0.0.1');
  rest();
  await restart();
  expect(ipam.assignment('a')?.addresses).toEqual(['10.0.0.1']);
  rest();
  expect(await assign('b')).toBe('10.0.0.0');
});

it('a release that waits behind an assignment which the disk refuses frees nobody else’s address', async () => {
  await assign('other');
  const refusal = Promise.withResolvers<void>();
  disk = () => refusal.promise;
  const assigned = await ipam.assign('a', [{ pools: ['p'] }], () => ({}));
  const room = Promise.withResolvers<void>();
  disk = () => room.promise;
  const released = ipam.release('a');
  disk = async () => {};
  refusal.reject(new Error('full'));
  await expect(assigned.ok && assigned.durable).rejects.toThrow('full');
  expect(await assign('b')).toBe('10.0.0.1');
  room.resolve();
  await released;
  rest();
  expect(await assign('c')).toBe('full');
});
