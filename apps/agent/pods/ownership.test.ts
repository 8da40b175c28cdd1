import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Journal, type NodeIpam, openJournal, openNodeIpam } from '@caracal/ipam';
import { NodeService } from '@caracal/protocol';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createOwnership, type Ownership } from './ownership.ts';

let folder: string;
let journal: Journal;
let ipam: NodeIpam;
let ownership: Ownership;
/** Whom the hub has as the owner of the block. */
let owner: string;
const happened: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caracal-ownership-'));
  journal = await openJournal(join(folder, 'journal'));
  ipam = await openNodeIpam({
    node: 'n1',
    journal,
    claimBlock: async (pool) => ({ ok: true, cidr: '10.0.0.0/30', pool }),
    onBlock: () => {},
    isReserved: () => false,
    restMs: 0,
    claimAheadBelow: 0,
    newIncarnation: () => '3f0c6c1e-7d0b-4d52-9a0e-0f6f3c1f2a10',
    now: Date.now,
    schedule: () => {},
    onClaimAheadFailed: () => {},
  });
  const held = await ipam.assign('a', [{ pools: ['p'] }], () => ({}));
  await (held.ok && held.durable);
  happened.length = 0;
  const block = { cidr: '10.0.0.0/30', pool: 'p' };
  const assertBlocks = () => ({
    result: {
      case: 'asserted' as const,
      value: owner === 'n1' ? { blocks: [{ ...block, node: 'n1' }] } : { conflicts: [{ ...block, node: owner }] },
    },
  });
  const transport = createRouterTransport(({ service }) => void service(NodeService, { assertBlocks }));
  ownership = createOwnership({
    ipam,
    logger: pino({ level: 'silent' }),
    machine: '',
    claimAheadBelow: 0,
    client: () => createClient(NodeService, transport),
    position: () => ({ revision: 1n, nonce: 1n }),
    isPoolUsable: () => true,
    onAnswered: () => {},
    onAsserted: () => happened.push('asserted'),
    onBlocks: () => {},
    onUndisputed: () => happened.push('undisputed'),
  });
  vi.useFakeTimers();
});
afterEach(async () => {
  vi.useRealTimers();
  ownership.stop();
  await journal.close();
  await rm(folder, { recursive: true });
});

const another = async () => {
  const result = await ipam.assign('b', [{ pools: ['p'], address: '10.0.0.3' }], () => ({}));
  return result.ok ? 'given' : result.message;
};

test('a block that another node owns gives nothing, until that one lets go: then everything is told again', async () => {
  owner = 'n2';
  ownership.assert();
  await vi.advanceTimersByTimeAsync(7_000);
  expect(happened).toEqual(['asserted', 'asserted', 'asserted']);
  expect(await another()).toContain('block 10.0.0.0/30 is withheld');
  owner = 'n1';
  await vi.advanceTimersByTimeAsync(63_000);
  expect(happened.slice(3)).toEqual(['asserted', 'undisputed', 'asserted']);
  expect(await another()).toBe('given');
});
