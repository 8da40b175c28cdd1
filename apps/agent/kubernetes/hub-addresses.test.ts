import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@caracal/kube';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { addressesOf, followHubAddresses } from './hub-addresses.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'caracal-hubs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const slice = (name: string, endpoints: object[], port: number | null = 5479): KubeObject =>
  ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'caracal-system', uid: name, resourceVersion: '1' },
    endpoints,
    ports: [{ port }],
  }) as KubeObject; // with fields that not every object has
const ready = (address: string) => ({ addresses: [address], conditions: { ready: true } });
const logger = pino({ level: 'silent' });

test('ready endpoints of all slices, each once, of both families', () => {
  const slices = [
    slice('a', [ready('192.0.2.2'), { addresses: ['192.0.2.3'], conditions: { ready: false } }]),
    slice('b', [ready('2001:db8::1'), ready('192.0.2.2'), { addresses: ['192.0.2.1'] }]),
    slice('no-port', [ready('192.0.2.9')], null),
  ];
  expect(addressesOf(slices)).toEqual(['192.0.2.1:5479', '192.0.2.2:5479', '[2001:db8::1]:5479']);
});

test('the last that were known survive a restart, and the time when none is ready', async () => {
  const file = join(folder, 'hubs.json');
  const first = followHubAddresses(folder, logger);
  expect(first.addresses()).toEqual([]);
  await first.observer.listed([slice('a', [ready('192.0.2.2')])]);
  first.observer.changed(slice('a', []));
  expect(first.addresses()).toEqual(['192.0.2.2:5479']);
  await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toBe('["192.0.2.2:5479"]'));
  expect(followHubAddresses(folder, logger).addresses()).toEqual(['192.0.2.2:5479']);
});

test('a file that a crash cut short is as none', () => {
  writeFileSync(join(folder, 'hubs.json'), '["192.0.');
  expect(followHubAddresses(folder, logger).addresses()).toEqual([]);
});
