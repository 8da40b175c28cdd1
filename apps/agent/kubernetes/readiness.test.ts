import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubeApi, KubeError, type KubeObject, type KubeRequest } from '@caracal/kube';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createReadiness } from './readiness.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'caracal-cni-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const other = { key: 'example.com/gpu', effect: 'NoSchedule' };
const ours = { key: 'node.caracal.network/not-ready', effect: 'NoSchedule' };
const node = (taints: object[], reason?: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', uid: 'u', resourceVersion: '1' },
  spec: { taints },
  status: { conditions: reason ? [{ type: 'NetworkUnavailable', status: 'False', reason }] : [] },
});

function setup(answer: (request: KubeRequest) => unknown = () => ({})) {
  const requests: KubeRequest[] = [];
  const api: KubeApi = {
    async request(request) {
      requests.push(request);
      return answer(request);
    },
    async *watch() {},
  };
  const stop = new AbortController();
  let reasons = ['no hub'];
  const conflist = join(folder, '10-caracal.conflist');
  const config = { conflist, chained: [{ type: 'sbr' }], pluginFolder: folder, podWaitSeconds: 0 };
  const readiness = createReadiness({ api, config, logger: pino({ level: 'silent' }), reasons: () => reasons });
  const running = readiness.run(stop.signal);
  return {
    ...readiness.observer,
    again: readiness.again,
    requests,
    conflist,
    ready: () => {
      reasons = [];
    },
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

test('nothing is said before a pod could start; then the file, the condition, and the taint goes, that of nobody else', async () => {
  const { requests, conflist, listed, ready, stop } = setup();
  await listed([node([other, ours])]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(requests).toEqual([]);
  expect(existsSync(conflist)).toBe(false);
  ready();
  await vi.waitFor(() => expect(requests).toHaveLength(2), 3000);
  expect(JSON.parse(readFileSync(conflist, 'utf8'))).toEqual({
    cniVersion: '1.0.0',
    name: 'caracal',
    plugins: [{ type: 'caracal', capabilities: { portMappings: true, bandwidth: true } }, { type: 'sbr' }],
  });
  expect(readdirSync(folder)).toEqual(['10-caracal.conflist']);
  expect(requests[0]).toMatchObject({
    method: 'PATCH',
    path: '/api/v1/nodes/n1/status',
    body: { status: { conditions: [{ type: 'NetworkUnavailable', status: 'False', reason: 'CaracalIsReady' }] } },
  });
  expect(requests[1]).toMatchObject({
    path: '/api/v1/nodes/n1',
    body: [
      { op: 'test', path: '/spec/taints', value: [other, ours] },
      { op: 'replace', path: '/spec/taints', value: [other] },
    ],
  });
  await stop();
  expect(existsSync(conflist)).toBe(true);
});

test('what is as it should be is not written; a Node that comes anew is told again', async () => {
  const { requests, listed, changed, deleted, ready, stop } = setup();
  await listed([node([other], 'CaracalIsReady')]);
  ready();
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(requests).toEqual([]);
  deleted(node([], 'CaracalIsReady'));
  changed(node([ours]));
  await vi.waitFor(() => expect(requests).toHaveLength(2));
  await stop();
});

test('a list of taints that has changed in between is no failure; a refusal is tried again', async () => {
  let refused = false;
  const { requests, listed, ready, stop } = setup(({ path }) => {
    if (path.endsWith('/status') && !refused) {
      refused = true;
      throw new KubeError(403, 'forbidden');
    }
    if (!path.endsWith('/status')) throw new KubeError(422, 'test failed');
    return {};
  });
  await listed([node([ours])]);
  ready();
  await vi.waitFor(() => expect(requests).toHaveLength(3), 3000);
  await stop();
});

test('a network configuration that somebody changes or removes is written again', async () => {
  const { conflist, listed, ready, again, stop } = setup();
  ready();
  await listed([node([])]);
  await vi.waitFor(() => expect(existsSync(conflist)).toBe(true), { timeout: 5_000 });
  const text = readFileSync(conflist, 'utf8');
  for (const spoil of [() => rmSync(conflist), () => writeFileSync(conflist, '{}')]) {
    spoil();
    await vi.waitFor(
      () => {
        again();
        expect(existsSync(conflist) && readFileSync(conflist, 'utf8')).toBe(text);
      },
      { timeout: 5_000 },
    );
  }
  await stop();
});
