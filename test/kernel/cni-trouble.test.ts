import { writeFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { differences, footprint } from '../support/cni-chaos/footprint.ts';
import { type LoneAgent, prepareLoneAgent } from '../support/lone-agent.ts';
import { createNetns, type Netns } from '../support/netns.ts';
import { threadNames } from '../support/proc.ts';
import { type PluginRun, runPlugin } from '../support/run-plugin.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

/** What goes wrong around an ADD or DEL, by way of the executable and the agent: each refusal says what it is, and leaves nothing behind. */

let agent: LoneAgent;
let pods: Netns[];
let before: string[];
let disks: string[] = [];

beforeAll(async () => {
  agent = await prepareLoneAgent({ config: { ipam: { restSeconds: 0 } } });
  for (const folder of [agent.stateDirectory, join(agent.stateDirectory, '../run')]) await makeSmallDisk(folder);
  await agent.start();
  pods = [];
  for (let i = 0; i < 8; i++) pods.push(await createNetns('trble'));
  await agent.netns.run('mkfifo', [join(agent.stateDirectory, '../pipe')]);
  // What the first pod of all makes and the last leaves is no leak.
  expect(await call('ADD', 'first', pods[0].path)).toMatchObject({ exitCode: 0 });
  expect(await call('DEL', 'first', pods[0].path)).toMatchObject({ exitCode: 0 });
  before = (await footprint(agent)).filter((line) => !line.includes('trouble/'));
});

afterAll(async () => {
  for (const pod of pods ?? []) await pod.remove();
  await agent?.stop('SIGKILL');
  for (const disk of disks) await execa('umount', ['-l', disk]);
  await agent?.remove();
});

/** Puts what the folder has on a file system of its own, of 256 KiB. */
async function makeSmallDisk(folder: string): Promise<void> {
  const copy = makeTemporaryFolder('trouble');
  await cp(folder, copy, { recursive: true });
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'caracal-trouble', folder]);
  disks = [...disks, folder];
  await cp(copy, folder, { recursive: true });
  removeTemporaryFolder(copy);
}

/** Until it is removed again, nothing fits any more. */
function fill(folder: string): string {
  const file = join(folder, 'full');
  for (let size = 256 * 1024; size >= 1; size = Math.floor(size / 2)) {
    try {
      writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch {
      // A smaller piece may still fit.
    }
  }
  return file;
}

function call(command: string, id: string, netns: string, prevResult?: object): Promise<PluginRun> {
  return runPlugin(
    ['nsenter', `--net=${agent.netns.path}`, '--', join(agent.cniBin, 'caracal')],
    {
      CNI_COMMAND: command,
      CNI_CONTAINERID: id,
      CNI_NETNS: netns,
      CNI_IFNAME: 'eth0',
      CNI_PATH: agent.cniBin,
      CNI_ARGS: 'IgnoreUnknown=1',
    },
    JSON.stringify({ cniVersion: '1.1.0', name: 'trouble', type: 'caracal', ...(prevResult && { prevResult }) }),
  );
}

const errorOf = ({ exitCode, stdout }: PluginRun) => ({ exitCode, ...JSON.parse(stdout) });

test.each([
  ['is gone', () => '/var/run/netns/no-such-namespace', 'cannot be opened: ENOENT'],
  ['is a regular file', () => '/etc/hostname', '/etc/hostname is an ordinary file, not a network namespace'],
  ['is a named pipe', () => join(agent.stateDirectory, '../pipe'), 'pipe is an ordinary file, not a network namespace'],
  ['is a folder', () => '/etc', '/etc is an ordinary file, not a network namespace'],
  ["is the host's own", () => agent.netns.path, "is the host's own network namespace"],
])('a network namespace that %s: code 4 with the name of the variable, and nothing is left', async (_, path, says) => {
  expect(errorOf(await call('ADD', 'astray', path()))).toMatchObject({
    exitCode: 1,
    code: 4,
    msg: expect.stringMatching(/^CNI_NETNS: /),
  });
  expect(errorOf(await call('ADD', 'astray', path())).msg).toContain(says);
  expect(await differences(agent, before)).toEqual([]);
  expect(await call('DEL', 'astray', path())).toMatchObject({ exitCode: 0, stdout: '' });
});

test('the agent has threads for interfaces whose deletion the kernel keeps waiting, and others for files', () => {
  expect(threadNames(agent.pid()!).filter((name) => name === 'libuv-worker')).toHaveLength(12);
});

test('a pod whose namespace has gone before its DEL: everything of it is taken back', async () => {
  const gone = await createNetns('gone');
  expect(await call('ADD', 'gone', gone.path)).toMatchObject({ exitCode: 0 });
  await gone.remove();
  expect(await call('DEL', 'gone', gone.path)).toMatchObject({ exitCode: 0, stdout: '' });
  expect(await differences(agent, before)).toEqual([]);
});

test('requests for one pod at once follow each other: one ADD of an interface succeeds, and the last DEL leaves nothing', async () => {
  const [pod] = pods;
  const added = await Promise.all([1, 2, 3].map(() => call('ADD', 'twice', pod.path)));
  const [first, ...more] = added.filter(({ exitCode }) => exitCode === 0);
  expect(more).toEqual([]);
  for (const each of added.filter((answer) => answer !== first))
    expect(errorOf(each)).toMatchObject({ code: 101, msg: expect.stringContaining('eth0 exists') });
  expect(await call('CHECK', 'twice', pod.path, JSON.parse(first.stdout))).toMatchObject({ exitCode: 0 });
  const mixed = await Promise.all(['DEL', 'ADD', 'DEL', 'DEL'].map((command) => call(command, 'twice', pod.path)));
  // In whichever order they come, DEL succeeds; ADD does when one came before it.
  for (const [i, { exitCode }] of mixed.entries()) if (i !== 1) expect(exitCode).toBe(0);
  expect(await call('DEL', 'twice', pod.path)).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(await pod.run('ip', ['-json', 'link']))).toHaveLength(1);
  expect(await differences(agent, before)).toEqual([]);
});

test('a full disk: ADD is refused with code 5 and leaves nothing, DEL is asked for again; both work when there is room', async () => {
  const [pod, ...others] = pods;
  const ids: string[] = [];
  const add = (id: string, netns: Netns) => {
    ids.push(id);
    return call('ADD', id, netns.path);
  };
  for (const [i, other] of others.entries()) expect(await add(`stands-${i}`, other)).toMatchObject({ exitCode: 0 });
  const interfaces = async () => (await footprint(agent)).filter((line) => line.startsWith('interface'));
  const standing = await interfaces();
  const full = fill(agent.stateDirectory);
  // The journal's last page has room for some lines more.
  let refused = await add('late', pod);
  for (let i = 0; i < 100 && refused.exitCode === 0; i++) {
    await call('DEL', ids.at(-1) ?? '', pod.path);
    refused = await add(`late-${i}`, pod);
  }
  expect(errorOf(refused)).toMatchObject({ code: 5, details: expect.stringContaining('no space is left') });
  expect(await interfaces()).toEqual(standing);
  expect(JSON.parse(await pod.run('ip', ['-json', 'link']))).toHaveLength(1);
  expect((await footprint(agent)).filter((line) => line.startsWith(`journal trouble/${ids.at(-1)}/`))).toEqual([]);
  const deletions: PluginRun[] = [];
  for (const [i, other] of others.entries()) deletions.push(await call('DEL', `stands-${i}`, other.path));
  const failed = deletions.filter(({ exitCode }) => exitCode !== 0);
  expect(failed.length).toBeGreaterThan(0);
  for (const each of failed) expect(errorOf(each).details).toContain('no space is left');

  await rm(full);
  expect(await add('room', pod)).toMatchObject({ exitCode: 0 });
  for (const id of ids) expect(await call('DEL', id, pod.path)).toMatchObject({ exitCode: 0 });
  expect(await differences(agent, before)).toEqual([]);
});

test('a DEL that cannot be left for an agent that is away, because the disk is full, fails with code 5 and leaves no half of it', async () => {
  expect(await call('ADD', 'unspooled', pods[0].path)).toMatchObject({ exitCode: 0 });
  await agent.stop('SIGTERM');
  const full = fill(join(agent.spool, '..'));
  expect(errorOf(await call('DEL', 'unspooled', pods[0].path))).toMatchObject({
    exitCode: 1,
    code: 5,
    msg: expect.stringContaining('No space left on device'),
  });
  await rm(full);
  expect(await call('DEL', 'unspooled', pods[0].path)).toMatchObject({ exitCode: 0 });
  await agent.start();
  expect(await differences(agent, before)).toEqual([]);
});

test('an agent that is told to stop answers what it was asked; what comes too late is told to come again, and can', async () => {
  const asked = pods.map((pod, i) => call('ADD', `restart-${i}`, pod.path));
  await Promise.race(asked);
  const [answers] = await Promise.all([Promise.all(asked), agent.stop('SIGTERM')]);
  await agent.start();
  for (const [i, answer] of answers.entries()) {
    if (answer.exitCode !== 0) expect(errorOf(answer)).toMatchObject({ code: 11 });
    const result = answer.exitCode === 0 ? answer : await call('ADD', `restart-${i}`, pods[i].path);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(await call('CHECK', `restart-${i}`, pods[i].path, JSON.parse(result.stdout))).toMatchObject({ exitCode: 0 });
  }
  for (const [i, pod] of pods.entries())
    expect(await call('DEL', `restart-${i}`, pod.path)).toMatchObject({ exitCode: 0 });
  expect(await differences(agent, before)).toEqual([]);
});

/** In place of the program that rules are written with: it refuses everything while the file is there. */
async function makeRefusable(folder: string): Promise<{ path: string; refusing: string }> {
  const refusing = join(folder, 'refusing');
  await mkdir(folder);
  const command = 'iptables-nft-restore';
  const { stdout: real } = await execa('sh', ['-c', `command -v ${command}`]);
  const script = `#!/bin/sh\n[ -e ${refusing} ] && { echo '${command}: Permission denied' >&2; exit 4; }\nexec ${real} "$@"\n`;
  writeFileSync(join(folder, command), script, { mode: 0o755 });
  return { path: `${folder}:${process.env.PATH}`, refusing };
}

/** Those that the agent keeps running to write rules. */
async function endWriters(): Promise<void> {
  for (const pid of await readdir('/proc')) {
    const status = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '') : '';
    const isWriter = /^Name:\tiptables-nft-re/m.test(status) || /^Name:\txtables-nft-mul/m.test(status);
    if (isWriter && status.includes(`\nPPid:\t${agent.pid()}\n`)) process.kill(Number(pid), 'SIGKILL');
  }
}

test('a kernel that refuses does not hold an agent that is told to stop: what is under way is undone and told to come again', async () => {
  const { path, refusing } = await makeRefusable(join(agent.stateDirectory, '../shim'));
  await agent.stop('SIGTERM');
  await agent.start({ PATH: path });
  const [waiting, standing] = pods;
  expect(await call('ADD', 'standing', standing.path)).toMatchObject({ exitCode: 0 });
  writeFileSync(refusing, '');
  await endWriters();
  const asked = [call('ADD', 'waiting', waiting.path), call('DEL', 'standing', standing.path)];
  // Until both wait for rules alone.
  const interfaces = async (pod: Netns) => JSON.parse(await pod.run('ip', ['-json', 'link'])).length;
  while ((await interfaces(waiting)) < 2 || (await interfaces(standing)) > 1) await sleep(20);
  const [, answers] = await Promise.all([agent.stop('SIGTERM'), Promise.all(asked)]);
  for (const answer of answers)
    expect(errorOf(answer)).toMatchObject({
      exitCode: 1,
      code: 11,
      msg: expect.stringMatching(/policy of the pod|stopping/),
    });
  expect(await interfaces(waiting)).toBe(1);
  expect((await footprint(agent)).filter((line) => line.includes('/waiting/'))).toEqual([]);

  await rm(refusing);
  await agent.start();
  expect(await call('DEL', 'standing', standing.path)).toMatchObject({ exitCode: 0 });
  expect(await differences(agent, before)).toEqual([]);
});
