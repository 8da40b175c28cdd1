// The journal on a disk: its writes go through to it. On one that is full, a real file system of 32 KiB, what was answered stays, what was
// refused is free, and the message says what to do.
import { randomUUID } from 'node:crypto';
import { constants, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Journal, JournalWriteError, type NodeIpam, openJournal, openNodeIpam } from '@caracal/ipam';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SmallDisk } from '../support/ipam/small-disk.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

let folder: string;
let disk: SmallDisk;
let journal: Journal;
beforeEach(async () => {
  folder = makeTemporaryFolder('disk');
  disk = await SmallDisk.mount(folder, 32);
});
afterEach(async () => {
  await journal.close();
  await disk.unmount();
  removeTemporaryFolder(folder);
});

const path = () => join(folder, 'ipam.journal');

async function start(): Promise<NodeIpam> {
  journal = await openJournal(path());
  return openNodeIpam({
    node: 'n',
    journal,
    claimBlock: async (pool) => ({ ok: true, cidr: pool === 'p6' ? '2001:db8::/120' : '10.0.0.0/24', pool }),
    onBlock: () => {},
    isReserved: () => false,
    restMs: 0,
    claimAheadBelow: 0,
    newIncarnation: randomUUID,
    now: Date.now,
    schedule: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
    onClaimAheadFailed: () => {},
  });
}

async function assign(ipam: NodeIpam, handle: string): Promise<string> {
  const result = await ipam.assign(handle, [{ pools: ['p'] }], () => ({ note: 'x'.repeat(200) }));
  if (!result.ok) throw new Error(result.message);
  await result.durable;
  return result.assignment.addresses[0];
}

/** Address of each handle, by a node that has just started. */
const held = (ipam: NodeIpam) => Object.fromEntries([...ipam.assignments()].map((a) => [a.handle, a.addresses[0]]));

test('a full disk refuses an assignment with a message, keeps all that it answered, and goes on when there is room', async () => {
  const ballast = join(folder, 'ballast');
  writeFileSync(ballast, Buffer.alloc(16 * 1024));
  let ipam = await start();
  const answered: Record<string, string> = {};
  let refused: unknown;
  for (let i = 0; i < 250 && !refused; i++) {
    await assign(ipam, `h${i}`).then(
      (address) => {
        answered[`h${i}`] = address;
      },
      (error: unknown) => {
        refused = error;
      },
    );
  }
  expect(refused).toBeInstanceOf(JournalWriteError);
  expect((refused as Error).message).toBe(
    `the journal ${path()} cannot be written: no space is left for it (ENOSPC): free some; nothing was changed`,
  );
  expect(Object.keys(answered).length).toBeGreaterThan(5);
  expect(held(ipam)).toEqual(answered);
  // A release is shorter: some fit, until none does; and what is refused is as it was.
  refused = undefined;
  for (const handle of Object.keys(answered)) {
    await ipam.release(handle).then(
      () => delete answered[handle],
      (error: unknown) => {
        refused = error;
      },
    );
    if (refused) break;
  }
  expect((refused as Error).message).toContain('no space is left');
  expect(held(ipam)).toEqual(answered);

  rmSync(ballast);
  answered.late = await assign(ipam, 'late');
  const [first] = Object.keys(answered);
  await ipam.release(first);
  delete answered[first];
  expect(new Set(Object.values(answered)).size).toBe(Object.keys(answered).length);
  await journal.close();
  ipam = await start();
  expect(journal.torn).toBe(false);
  expect(held(ipam)).toEqual(answered);
});

test('a full disk that refuses the block of a second family frees the address of the first', async () => {
  const ipam = await start();
  await assign(ipam, 'first');
  await disk.fill(journal, path());
  await expect(ipam.assign('both', [{ pools: ['p'] }, { pools: ['p6'] }], () => ({}))).rejects.toThrow(
    'no space is left',
  );
  expect(ipam.blocks()).toMatchObject([{ cidr: '10.0.0.0/24', used: 1, free: 255 }]);
  await disk.makeRoom();
  const both = await ipam.assign('both', [{ pools: ['p'] }, { pools: ['p6'] }], () => ({}));
  expect(both).toMatchObject({
    ok: true,
    assignment: { addresses: [expect.stringMatching(/^10\.0\.0\.\d+$/), '2001:db8::'] },
  });
});

test('an agent that dies on the full disk starts again from what it answered', async () => {
  const ballast = join(folder, 'ballast');
  writeFileSync(ballast, Buffer.alloc(20 * 1024));
  let ipam = await start();
  const answered: Record<string, string> = {};
  // Many at once: a part of what is written together may reach the disk.
  await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const address = await assign(ipam, `h${i}`).catch(() => undefined);
      if (address) answered[`h${i}`] = address;
    }),
  );
  await journal.close();
  ipam = await start();
  expect(held(ipam)).toEqual(answered);
  rmSync(ballast);
  answered.late = await assign(ipam, 'late');
  expect(new Set(Object.values(answered)).size).toBe(Object.keys(answered).length);
});

/** The flags of this process' descriptor for the journal, as open(2) has them. */
function openFlags(): number {
  const fd = readdirSync('/proc/self/fd').find((each) => {
    try {
      return readlinkSync(`/proc/self/fd/${each}`) === path();
    } catch {
      return false; // of the listing itself
    }
  });
  return Number.parseInt(/^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1], 8);
}

test('each write goes through to the disk, also after a compaction', async () => {
  await start();
  expect(openFlags() & constants.O_DSYNC).toBe(constants.O_DSYNC);
  await journal.compact(() => []);
  expect(openFlags() & constants.O_DSYNC).toBe(constants.O_DSYNC);
});
