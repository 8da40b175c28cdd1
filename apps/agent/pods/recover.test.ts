// After a boot: what is given back, and what is not although everything looks like a boot.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Journal, type NodeIpam, openJournal, openNodeIpam } from '@caracal/ipam';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OwnInterface } from '../wiring/index.ts';
import type { EndpointRecord } from './endpoint-record.ts';
import type { PlainRecord } from './plain-addresses.ts';
import { meetKernel } from './recover.ts';

let folder: string;
let journal: Journal;
let ipam: NodeIpam;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caracal-recover-'));
  journal = await openJournal(join(folder, 'journal'));
  ipam = await openNodeIpam({
    node: 'n1',
    journal,
    claimBlock: async (pool) => ({ ok: true, cidr: '10.0.0.0/28', pool }),
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

async function hold(handle: string, endpoint: EndpointRecord | PlainRecord): Promise<void> {
  const result = await ipam.assign(handle, [{ pools: ['p'] }], () => ({ ...endpoint }));
  await (result.ok && result.durable);
}

const pod = (containerId: string): EndpointRecord => ({
  containerId,
  ifname: 'eth0',
  network: 'net',
  netns: '',
  hostInterface: `cara-${containerId}`,
  pod: { namespace: 'n', name: 'p', uid: 'u', labels: {}, serviceAccount: 'default', ports: [] },
});
const plain = (network: string, netns?: string): PlainRecord => ({
  kind: 'addresses',
  network,
  containerId: network,
  ifname: 'eth0',
  netns,
});
const handles = () => [...ipam.assignments()].map(({ handle }) => handle);

test.each([
  [true, ['net/stands', 'addresses/here', 'gateway/here']],
  [
    false,
    ['net/stands', 'net/gone', 'addresses/here', 'addresses/gone', 'addresses/process', 'gateway/here', 'gateway/gone'],
  ],
])('when nothing is known of this boot (%s) only what is there keeps its address', async (newBoot, kept) => {
  const netns = join(folder, 'netns');
  await writeFile(netns, '');
  await hold('net/stands', pod('stands'));
  await hold('net/gone', pod('gone'));
  await hold('addresses/here', plain('here', netns));
  await hold('addresses/gone', plain('gone', join(folder, 'none')));
  await hold('addresses/process', plain('process', '/proc/1/ns/net'));
  await hold('gateway/here', { kind: 'gateway', network: 'here', block: '10.0.0.0/28' });
  await hold('gateway/gone', { kind: 'gateway', network: 'gone', block: '10.0.0.0/28' });
  const own: OwnInterface = { name: 'cara-stands', index: 1, mtu: 1500, up: true, addresses: ['10.0.0.0'] };
  const wiring = { listOwnInterfaces: async () => ({ ok: true as const, interfaces: [own], blocks: [] }) };
  expect(await meetKernel(ipam, wiring, pino({ level: 'silent' }), newBoot)).toEqual([]);
  expect(handles()).toEqual(kept);
});
