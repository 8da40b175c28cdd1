// Addresses that are taken back while somebody is about to use them, and ADDs whose caller does not wait for them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClaimResult, type Journal, type NodeIpam, openJournal, openNodeIpam } from '@caracal/ipam';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OwnInterface } from '../wiring/index.ts';
import { takeAskedBack } from './asked-back.ts';
import { type EndpointRecord, endpointId } from './endpoint-record.ts';
import { createInOrder, type InOrder } from './in-order.ts';
import { createPlainAddresses } from './plain-addresses.ts';

let folder: string;
let journal: Journal;
let ipam: NodeIpam;
let inOrder: InOrder;
let grant: PromiseWithResolvers<ClaimResult>;
const told: string[] = [];
const reporter = {
  full: () => void told.push('everything'),
  added: (key: string) => void told.push(`added ${key}`),
  removed: (key: string) => void told.push(`removed ${key}`),
};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caracal-back-'));
  journal = await openJournal(join(folder, 'journal'));
  inOrder = createInOrder();
  grant = Promise.withResolvers();
  told.length = 0;
  ipam = await openNodeIpam({
    node: 'n1',
    journal,
    claimBlock: () => grant.promise,
    onBlock: () => {},
    isReserved: () => false,
    restMs: 30_000,
    claimAheadBelow: 0,
    newIncarnation: () => '3f0c6c1e-7d0b-4d52-9a0e-0f6f3c1f2a10',
    now: Date.now,
    schedule: () => {},
    onClaimAheadFailed: () => {},
  });
});
afterEach(async () => {
  await journal.close();
  await rm(folder, { recursive: true });
});

const block: ClaimResult = { ok: true, cidr: '10.0.0.0/30', pool: 'p' };
const record: EndpointRecord = {
  containerId: 'c1',
  ifname: 'eth0',
  network: 'net',
  netns: '/run/netns/c1',
  hostInterface: 'cara1',
  pod: { namespace: 'n', name: 'p', uid: 'u', labels: {}, serviceAccount: 'default', ports: [] },
};

test('an address that is asked back stays when its pod starts just now', async () => {
  grant.resolve(block);
  const interfaces: OwnInterface[] = [];
  const assigned = Promise.withResolvers<void>();
  const wired = Promise.withResolvers<void>();
  const added = inOrder(endpointId(record), async () => {
    const result = await ipam.assign('net/c1/eth0', [{ pools: ['p'] }], () => ({ ...record }));
    await (result.ok && result.durable);
    assigned.resolve();
    await wired.promise;
    interfaces.push({ name: 'cara1', index: 1, mtu: 1500, up: true, addresses: ['10.0.0.0'] });
  });
  await assigned.promise;
  const wiring = { listOwnInterfaces: async () => ({ ok: true as const, interfaces, blocks: [] }) };
  const refused = takeAskedBack({ ipam, wiring, reporter, inOrder, logger: pino({ level: 'silent' }) }, ['10.0.0.0']);
  await new Promise(setImmediate);
  wired.resolve();
  await added;
  expect(await refused).toEqual([{ address: '10.0.0.0', reason: 'interface cara1 uses it' }]);
  expect(ipam.assignment('net/c1/eth0')?.addresses).toEqual(['10.0.0.0']);
});

const attachment = { network: 'bridged', containerId: 'c2', ifname: 'eth0' };

function plainAddresses() {
  const wishes = () => ({ ok: true as const, wishes: [{ pools: ['p'] }] });
  return createPlainAddresses({ ipam, reporter, inOrder, wishes, status: () => ({ ok: true }) });
}

test('a DEL that comes while its ADD waits for a block ends what that gets', async () => {
  const plain = plainAddresses();
  const added = plain.assign({ ...attachment, namespace: 'n' }, new AbortController().signal);
  const deleted = plain.release(attachment);
  grant.resolve(block);
  expect(await added).toMatchObject({ ok: true });
  expect(await deleted).toEqual({ ok: true });
  expect([...ipam.assignments()].map(({ handle }) => handle)).toEqual(['gateway/bridged/10.0.0.0/30']);
});

test('an ADD whose caller hangs up keeps nothing', async () => {
  const hangUp = new AbortController();
  const added = plainAddresses().assign({ ...attachment, namespace: 'n' }, hangUp.signal);
  hangUp.abort();
  grant.resolve(block);
  expect(await added).toMatchObject({ ok: false, code: 11, message: 'the caller hung up' });
  expect([...ipam.assignments()].map(({ handle }) => handle)).toEqual(['gateway/bridged/10.0.0.0/30']);
  expect(told.filter((line) => line.includes('c2'))).toEqual([]);
});
