import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installCni } from '@caracal/cni';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type {
  AddRequest,
  AddressPlugin,
  AddSuccess,
  CheckRequest,
  DeleteRequest,
  PodNetwork,
} from '../../apps/agent/cni/pod-network.ts';
import { type CniServer, startCniServer } from '../../apps/agent/cni/server.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

/** The executable and the agent's CNI server, with the pods of the node as the boundary. */

const configuration = { cniVersion: '1.1.0', name: 'caracal', type: 'caracal' };
const success: AddSuccess = {
  ok: true,
  addresses: [{ address: '10.65.0.1', prefixLength: 32, gateway: '169.254.1.1' }],
  hostInterface: 'cara00000000001',
  hostMac: 'ee:ee:ee:ee:ee:ee',
  podMac: '02:00:00:00:00:01',
  mtu: 1400,
  defaultRoutes: ['169.254.1.1'],
};

/** Of `caracal-ipam`, which is tested on a node. */
const addresses: AddressPlugin = {
  assign: async () => ({ ok: true, addresses: [] }),
  release: async () => ({ ok: true }),
  check: () => ({ ok: true }),
  status: () => ({ ok: true }),
  collectGarbage: async () => ({ ok: true }),
};

let folder: string;
let socketPath: string;
let spoolDirectory: string;
let server: CniServer | undefined;
let logged: { level: number; msg: string; [field: string]: unknown }[];
let calls: [
  string,
  AddRequest | DeleteRequest | CheckRequest | { containerId?: undefined; network: string; valid: readonly object[] },
][];
let pods: { -readonly [name in keyof PodNetwork]: PodNetwork[name] };

beforeEach(() => {
  if (process.getuid?.() !== 0) throw new Error('this test needs root: the CNI server answers root only');
  folder = makeTemporaryFolder('cni');
  socketPath = join(folder, 'run', 'cni.sock');
  spoolDirectory = join(folder, 'run', 'spool');
  installCni({ folder: join(folder, 'bin'), socketPath, spoolDirectory });
  logged = [];
  calls = [];
  pods = {
    add: async (request) => {
      calls.push(['add', request]);
      return success;
    },
    del: async (request) => {
      calls.push(['del', request]);
      return { ok: true };
    },
    check: async (request) => {
      calls.push(['check', request]);
      return { ok: true };
    },
    status: () => ({ ok: true }),
    collectGarbage: async (network, valid) => {
      calls.push(['gc', { network, valid }]);
      return { ok: true };
    },
  };
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  removeTemporaryFolder(folder);
});

async function start(closeWithinMs?: number): Promise<void> {
  const logger = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  server = await startCniServer({ socketPath, spoolDirectory, pods, addresses, logger, closeWithinMs });
}

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly json: unknown;
}

function invoke(
  environment: Record<string, string>,
  stdin: unknown,
  plugin = 'caracal',
): { child: ChildProcess; answer: Promise<Answer> } {
  const child = spawn(join(folder, 'bin', plugin), [], {
    env: {
      CNI_CONTAINERID: 'c1',
      CNI_NETNS: '/run/netns/p',
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout!.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stdin!.end(typeof stdin === 'string' ? stdin : JSON.stringify(stdin));
  const answer = new Promise<Answer>((resolve) => {
    child.once('close', (code) =>
      resolve({ code, stdout, json: stdout.startsWith('{') ? JSON.parse(stdout) : undefined }),
    );
  });
  return { child, answer };
}

const call = (command: string, stdin: unknown = configuration, environment = {}, plugin = 'caracal') =>
  invoke({ CNI_COMMAND: command, ...environment }, stdin, plugin).answer;

test('VERSION is answered without an agent, in the version asked', async () => {
  const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];
  const answer = await call('VERSION', '{"cniVersion": "1.0.0"}');
  expect(answer).toMatchObject({ code: 0, json: { cniVersion: '1.0.0', supportedVersions } });
  expect((await call('VERSION', '')).json).toEqual({ cniVersion: '1.1.0', supportedVersions });
});

test('ADD hands over who the pod is, and prints the result of the version asked', async () => {
  await start();
  const labels = [{ key: 'app', value: 'web' }];
  const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;K8S_POD_UID=u1';
  const answer = await call('ADD', { ...configuration, mtu: 1400, args: { cni: { labels } } }, { CNI_ARGS: args });
  expect(answer.json).toEqual({
    cniVersion: '1.1.0',
    interfaces: [
      { name: 'cara00000000001', mac: 'ee:ee:ee:ee:ee:ee' },
      { name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/run/netns/p', mtu: 1400 },
    ],
    ips: [{ address: '10.65.0.1/32', gateway: '169.254.1.1', interface: 1 }],
    routes: [{ dst: '0.0.0.0/0', gw: '169.254.1.1' }],
    dns: {},
  });
  expect(answer.code).toBe(0);
  const pod = { namespace: 'shop', name: 'web-1', uid: 'u1', labels: { app: 'web' }, annotations: {} };
  const attachment = { containerId: 'c1', ifname: 'eth0', network: 'caracal', netns: '/run/netns/p' };
  expect(calls).toEqual([['add', { ...attachment, pod, mtu: 1400, forwarding: false }]]);

  const older = await call('ADD', { ...configuration, cniVersion: '1.0.0' });
  expect(older.json).toMatchObject({ cniVersion: '1.0.0' });
  expect(older.stdout).not.toContain('mtu');
  expect(calls[1]).toMatchObject(['add', { pod: { namespace: 'default', name: 'c1', labels: {} } }]);
});

test('DEL and CHECK print nothing; CHECK passes on what the runtime remembers', async () => {
  await start();
  expect(await call('DEL', configuration, { CNI_NETNS: '' })).toMatchObject({ code: 0, stdout: '' });
  const prevResult = JSON.parse((await call('ADD')).stdout);
  prevResult.ips.push({ address: '192.0.2.1/24', interface: 0 });
  expect(await call('CHECK', { ...configuration, prevResult })).toMatchObject({ code: 0, stdout: '' });
  expect(await call('STATUS')).toMatchObject({ code: 0 });
  expect(calls[0]).toEqual(['del', { containerId: 'c1', ifname: 'eth0', network: 'caracal' }]);
  const expected = { addresses: ['10.65.0.1'], defaultRoutes: ['169.254.1.1'], mac: '02:00:00:00:00:01', mtu: 1400 };
  expect(calls[2]).toMatchObject(['check', { expected }]);
});

test('results before 1.0.0 say the family of each address', async () => {
  await start();
  for (const cniVersion of ['0.3.0', '0.3.1', '0.4.0']) {
    const { json } = await call('ADD', { ...configuration, cniVersion });
    expect(json).toMatchObject({ cniVersion, ips: [{ version: '4', address: '10.65.0.1/32', interface: 1 }] });
  }
  expect((await call('ADD')).stdout).not.toContain('"version"');
});

test('GC hands over what is valid; STATUS says why no pod could start', async () => {
  await start();
  const attachments = [{ containerID: 'c1', ifname: 'eth0' }];
  const answer = await call('GC', { ...configuration, 'cni.dev/valid-attachments': attachments });
  expect(answer).toMatchObject({ code: 0, stdout: '' });
  expect(calls).toEqual([['gc', { network: 'caracal', valid: [{ containerId: 'c1', ifname: 'eth0' }] }]]);
  pods.status = () => ({ ok: false, code: 50, message: 'no policy yet' });
  expect(await call('STATUS')).toMatchObject({ code: 1, json: { code: 50, msg: 'no policy yet' } });
});

test('an unknown field is a warning in the log', async () => {
  await start();
  expect(await call('ADD', { ...configuration, nodename: 'n1', node_nam: 'n1' })).toMatchObject({ code: 0 });
  expect(logged).toContainEqual(expect.objectContaining({ level: 40, fields: ['node_nam'] }));
});

test.each([
  ['ADD', 'no json', {}, 6, 'no JSON'],
  ['ADD', { ...configuration, cniVersion: '0.2.0' }, {}, 1, 'cniVersion "0.2.0"'],
  ['CHECK', { ...configuration, cniVersion: '0.3.1' }, {}, 1, 'has no CHECK, which came with 0.4.0'],
  ['STATUS', { ...configuration, cniVersion: '1.0.0' }, {}, 1, 'has no STATUS'],
  ['GC', { ...configuration, cniVersion: '1.0.0' }, {}, 1, 'has no GC'],
  ['ADD', { ...configuration, mtu: 'big' }, {}, 7, 'mtu: '],
  ['ADD', { ...configuration, prevResult: { ips: [{}] } }, {}, 7, 'prevResult.ips[0].address: '],
  ['CHECK', configuration, {}, 7, 'prevResult: is missing'],
  ['ADD', configuration, { CNI_IFNAME: 'a/b' }, 4, 'CNI_IFNAME "a/b"'],
  ['GC', configuration, {}, 7, 'cni.dev/valid-attachments: is missing'],
  ['', configuration, {}, 4, 'CNI_COMMAND is ""'],
])('%s of %j with %o fails with code %i', async (command, stdin, environment, code, msg) => {
  await start();
  const answer = await call(command, stdin, environment);
  expect(answer).toMatchObject({
    code: 1,
    json: { cniVersion: expect.any(String), code, msg: expect.stringContaining(msg) },
  });
  expect(calls).toEqual([]);
});

test('a refusal of the pod network is printed with its code; an exception hides nothing', async () => {
  await start();
  pods.add = async () => ({ ok: false, code: 100, message: 'no address', details: 'pool default is full' });
  const error = { cniVersion: '1.1.0', code: 100, msg: 'no address', details: 'pool default is full' };
  expect(await call('ADD')).toMatchObject({ code: 1, json: error });
  pods.add = () => Promise.reject(new Error('bug'));
  expect(await call('ADD')).toMatchObject({ code: 1, json: { code: 11, details: 'bug' } });
});

test('without an agent ADD fails with code 11 and names the socket, also beside a socket that nobody serves', async () => {
  const missing = await call('ADD', { ...configuration, cniVersion: '1.0.0' });
  const msg = expect.stringContaining(socketPath);
  expect(missing).toMatchObject({ code: 1, json: { cniVersion: '1.0.0', code: 11, msg } });
  expect(await call('STATUS')).toMatchObject({ code: 1, json: { code: 50, msg } });
});

test('without an agent DEL succeeds and is carried out before the first ADD after', async () => {
  expect(await call('DEL')).toMatchObject({ code: 0, stdout: '' });
  expect(await call('DEL', configuration, { CNI_CONTAINERID: 'c2' })).toMatchObject({ code: 0, stdout: '' });
  expect(statSync(spoolDirectory).mode & 0o777).toBe(0o700);
  expect(readdirSync(spoolDirectory).map((name) => /\.del$/.test(name))).toEqual([true, true]);
  await start();
  expect(calls.map(([name, { containerId }]) => `${name} ${containerId}`)).toEqual(['del c1', 'del c2']);
  expect(readdirSync(spoolDirectory)).toEqual([]);
});

test('a spooled DEL that fails stays, is tried before the next ADD, and a damaged one is set aside', async () => {
  await call('DEL');
  writeFileSync(join(spoolDirectory, '0-damaged.del'), 'damaged');
  let failures = 0;
  pods.del = async (request) => {
    calls.push(['del', request]);
    return failures++ === 0 ? { ok: false, code: 11, message: 'not now' } : { ok: true };
  };
  await start();
  expect(readdirSync(spoolDirectory)).toHaveLength(2);
  expect(await call('ADD')).toMatchObject({ code: 0 });
  expect(calls.map(([name]) => name)).toEqual(['del', 'del', 'add']);
  expect(readdirSync(spoolDirectory)).toEqual(['0-damaged.del.damaged']);
});

test('a spooled DEL that is no valid request is set aside: no later time mends it', async () => {
  expect(await call('DEL', configuration, { CNI_IFNAME: 'a/b' })).toMatchObject({ code: 0 });
  expect(await call('DEL', 'no JSON')).toMatchObject({ code: 0 });
  await start();
  expect(calls).toEqual([]);
  expect(readdirSync(spoolDirectory).map((name) => name.replace(/^[^a-z]*/, ''))).toEqual([
    'del.damaged',
    'del.damaged',
  ]);
});

test('an executable that is killed cancels its ADD, and closing waits until all is taken back', async () => {
  await start();
  const begun = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  let takenBack = false;
  pods.add = async (_request, signal) => {
    begun.resolve();
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    cancelled.resolve();
    await sleep(100);
    takenBack = true;
    return { ok: false, code: 11, message: 'cancelled' };
  };
  const { child, answer } = invoke({ CNI_COMMAND: 'ADD' }, configuration);
  await begun.promise;
  child.kill('SIGKILL');
  await cancelled.promise;
  expect((await answer).code).toBeNull();
  await server?.close();
  expect(takenBack).toBe(true);
});

test('an agent that goes away in the middle: ADD fails, DEL is spooled', async () => {
  await start();
  // The server's connection is cut as a killed agent's would be, by a relay in its place.
  await server?.close();
  server = undefined;
  const { createServer } = await import('node:net');
  const relay = createServer((socket) => socket.once('data', () => socket.destroy()));
  await new Promise<void>((resolve) => relay.listen(socketPath, resolve));
  try {
    const msg = expect.stringContaining('hung up');
    expect(await call('ADD')).toMatchObject({ code: 1, json: { code: 11, msg } });
    expect(await call('DEL')).toMatchObject({ code: 0, stdout: '' });
    expect(readdirSync(spoolDirectory)).toHaveLength(1);
  } finally {
    await new Promise((resolve) => relay.close(resolve));
  }
});

test('closing answers what is under way', async () => {
  await start();
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  pods.add = async () => {
    begun.resolve();
    await finish.promise;
    return success;
  };
  const { answer } = invoke({ CNI_COMMAND: 'ADD' }, configuration);
  await begun.promise;
  const silent = createConnection(socketPath);
  await new Promise((resolve) => silent.once('connect', resolve));
  const closed = server!.close();
  finish.resolve();
  expect(await answer).toMatchObject({ code: 0 });
  await closed;
  expect(existsSync(socketPath)).toBe(false);
});

test('closing breaks off what takes too long, and answers it', async () => {
  await start(50);
  let waiting = (_reason: Error) => {};
  pods.add = (_request, signal) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve({ ok: false, code: 11, message: signal.reason.message }));
    });
  pods.del = () =>
    new Promise((_, reject) => {
      waiting = reject;
    });
  const added = call('ADD');
  const deleted = call('DEL', configuration, { CNI_CONTAINERID: 'c2' });
  await sleep(200);
  // What a DEL waits for is told to end.
  await server?.close(() => waiting(new Error('stopped')));
  expect(await added).toMatchObject({ code: 1, json: { code: 11, msg: 'the agent is stopping' } });
  expect(await deleted).toMatchObject({ code: 1, json: { code: 11, msg: 'the agent is stopping' } });
});

test('closing cuts off what never ends, and the executable says so', async () => {
  await start(50);
  pods.add = () => new Promise(() => {});
  const added = call('ADD');
  await sleep(200);
  await server?.close();
  expect(await added).toMatchObject({ code: 1, json: { code: 11, msg: expect.stringContaining('hung up') } });
  expect(logged).toContainEqual(expect.objectContaining({ level: 50, requests: 1 }));
});

test('closing does not wait for who does not take its answer', async () => {
  await start(200);
  const { child } = invoke({ CNI_COMMAND: 'ADD' }, configuration);
  pods.add = async () => {
    child.kill('SIGSTOP');
    return success;
  };
  await sleep(200);
  const closed = server?.close().then(() => 'closed');
  expect(await Promise.race([closed, sleep(5_000)])).toBe('closed');
  child.kill('SIGKILL');
});

test('the socket is root’s alone: by the mode of its folder, and by the peer’s credentials', async () => {
  await start();
  expect(statSync(join(folder, 'run')).mode & 0o777).toBe(0o700);
  for (const path of [folder, join(folder, 'run'), socketPath]) chmodSync(path, 0o777);
  const child = spawn(join(folder, 'bin', 'caracal'), [], {
    env: { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c1', CNI_NETNS: '/x', CNI_IFNAME: 'eth0' },
    uid: 65534,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin!.end(JSON.stringify(configuration));
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(1);
  expect(calls).toEqual([]);
  expect(logged).toContainEqual(expect.objectContaining({ msg: expect.stringContaining('user 65534, not root') }));
});

test('a second server leaves the socket of the first alone; a dead one’s is replaced', async () => {
  await start();
  const logger = pino({ level: 'silent' });
  await expect(startCniServer({ socketPath, spoolDirectory, pods, addresses, logger })).rejects.toThrow(
    /another process serves/,
  );
  expect(await call('ADD')).toMatchObject({ code: 0 });
  await server?.close();
  writeFileSync(socketPath, '');
  await start();
  expect(await call('ADD')).toMatchObject({ code: 0 });
});
