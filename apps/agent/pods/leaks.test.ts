import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Assignment } from '@caracal/ipam';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OwnInterface } from '../wiring/index.ts';
import type { EndpointRecord } from './endpoint-record.ts';
import { type LeakCheck, startLeakCheck } from './leaks.ts';
import type { PlainRecord } from './plain-addresses.ts';

const record: EndpointRecord = {
  containerId: 'c1',
  ifname: 'eth0',
  network: 'net',
  netns: '/run/netns/c1',
  hostInterface: 'cara1',
  pod: { namespace: 'n', name: 'p', uid: 'u', labels: {}, serviceAccount: 'default', ports: [] },
};
const pod: Assignment = { handle: 'net/c1/eth0', addresses: ['10.0.0.1', 'fd00::1'], endpoint: { ...record } };
const own: OwnInterface = { name: 'cara1', index: 7, mtu: 1500, up: true, addresses: ['10.0.0.1', 'fd00::1'] };

let folder: string;
let assignments: Assignment[];
let interfaces: OwnInterface[];
let changes: number;
let check: LeakCheck;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caracal-leaks-'));
  assignments = [];
  interfaces = [];
  changes = 0;
  check = startLeakCheck({
    ipam: { assignments: () => assignments },
    wiring: { listOwnInterfaces: async () => ({ ok: true as const, interfaces, blocks: [] }) },
    logger: pino({ level: 'silent' }),
    onChanged: () => changes++,
  });
});
afterEach(async () => {
  check.stop();
  await rm(folder, { recursive: true });
});

test('a pod whose interface is gone is told at the second look, until it is released', async () => {
  assignments = [pod];
  interfaces = [own];
  await check.look();
  await check.look();
  expect(check.leaks).toEqual([]);
  interfaces = [];
  await check.look();
  expect(check.leaks).toEqual([]);
  await check.look();
  const reason = 'interface cara1 of container c1 is gone';
  expect(check.leaks).toEqual(pod.addresses.map((address) => ({ address, reason })));
  await check.look();
  expect(changes).toBe(1);
  assignments = [];
  await check.look();
  expect(check.leaks).toEqual([]);
  expect(changes).toBe(2);
});

test('a pod that starts between two looks, or that is another one by then, is none', async () => {
  assignments = [pod];
  await check.look();
  interfaces = [own];
  await check.look();
  interfaces = [];
  await check.look();
  assignments = [{ ...pod }];
  await check.look();
  expect(check.leaks).toEqual([]);
});

test('of other plugins’ interfaces those whose container is gone; gateways stay', async () => {
  const netns = join(folder, 'netns');
  await writeFile(netns, '');
  const plain: PlainRecord = { kind: 'addresses', network: 'b', containerId: 'c2', ifname: 'eth0', netns };
  const gateway: PlainRecord = { kind: 'gateway', network: 'b', block: '10.0.0.0/26' };
  assignments = [
    { handle: 'addresses/b/c2/eth0', addresses: ['10.0.0.2'], endpoint: { ...plain } },
    { handle: 'gateway/b/10.0.0.0/26', addresses: ['10.0.0.0'], endpoint: { ...gateway } },
  ];
  await check.look();
  await check.look();
  expect(check.leaks).toEqual([]);
  await rm(netns);
  await check.look();
  await check.look();
  expect(check.leaks).toEqual([{ address: '10.0.0.2', reason: `network namespace ${netns} of container c2 is gone` }]);
});
