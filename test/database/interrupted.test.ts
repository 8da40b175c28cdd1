// Benchmarks, soaks and tests that are interrupted leave nothing behind: no namespace, no process, no folder.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, expect, test } from 'vitest';
import { processIds, readProc } from '../support/proc.ts';
import { parseProcessStat } from '../support/process-stat.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const snapshot = ['bench/main.ts', 'feed', '--only', 'snapshot'];
const histories = ['soak/main.ts', 'ipam', '1000', '1', 'histories'];
const containers = ['soak/main.ts', 'cni', '--containers', '3'];
const tests = ['../node_modules/vitest/vitest.mjs', 'run', '--project', 'kernel', 'test/kernel/cni-chains.test.ts'];
const agent = /process .*agent\/main\.ts run/;

let child: ChildProcess;
/** Where the child makes its folders. */
let folder: string;
/** Keeps the mount namespace of the child when that has ended. */
let mounts: number | undefined;

afterEach(() => {
  for (const [pid] of processes()) process.kill(pid, 'SIGKILL');
  if (mounts !== undefined) closeSync(mounts);
  mounts = undefined;
  removeTemporaryFolder(folder);
});

const benchmark = [/caracal-hub-/, /ct-lone-/, /process .*postgres/, agent];

test.each<[string, string[], RegExp[], NodeJS.Signals, 'all' | 'one']>([
  ['a benchmark, by Ctrl-C', snapshot, benchmark, 'SIGINT', 'all'],
  ['a benchmark, by a signal to itself', snapshot, benchmark, 'SIGTERM', 'one'],
  ['a soak that makes its database', histories, [/caracal-pg-/, /process .*initdb/], 'SIGTERM', 'one'],
  ['a soak of machines', histories, [/caracal-cluster-/, /process .*postgres/], 'SIGHUP', 'one'],
  ['a soak of containers', containers, [/ct-chaos-/, /process .*eavesdropper/, agent], 'SIGTERM', 'one'],
  ['tests, by Ctrl-C', tests, [/ct-lone-/, agent], 'SIGINT', 'all'],
  ['tests, by a signal to the first of their processes', tests, [/ct-lone-/, agent], 'SIGTERM', 'one'],
])('%s', { timeout: 120_000 }, async (_, [program, ...args], made, signal, whom) => {
  // Folders and namespaces are where nobody else has any.
  folder = makeTemporaryFolder('alone');
  chmodSync(folder, 0o711); // for the user that Postgres runs as
  const alone = 'mkdir -p /run/netns && mount -t tmpfs none /run/netns && exec "$@"';
  const command = [process.execPath, join(import.meta.dirname, '..', program), ...args];
  const env = { ...process.env, TMPDIR: folder };
  child = spawn('unshare', ['--mount', 'sh', '-c', alone, 'sh', ...command], { detached: true, stdio: 'ignore', env });
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('exit', (code, by) => resolve([code, by])),
  );
  for (let found = ''; !made.every((each) => each.test(found)); found = (await footprint()).join('\n')) {
    expect(child.exitCode).toBeNull();
    await sleep(5);
  }

  const pid = child.pid ?? 0;
  mounts = openSync(`/proc/${pid}/ns/mnt`, 'r');
  process.kill(whom === 'all' ? -pid : pid, signal);
  // As a shell says it.
  const [code, by] = await ended;
  expect(by ? 128 + constants.signals[by] : code).toBe(128 + constants.signals[signal]);
  // The watchdog of vitest ends when it sees that the others have.
  await expect.poll(footprint, { timeout: 5_000 }).toEqual([]);
});

/** What there is of it. */
async function footprint(): Promise<string[]> {
  const namespace =
    child.exitCode === null && child.signalCode === null ? `${child.pid}/ns/mnt` : `${process.pid}/fd/${mounts}`;
  const search = ['find', folder, '/run/netns', '-mindepth', '1', '-maxdepth', '1', '-name', 'c*-*'];
  const { stdout } = await execa('nsenter', [`--mount=/proc/${namespace}`, '--', ...search]);
  return [...stdout.split('\n').filter(Boolean), ...processes().map(([pid, line]) => `process ${pid} ${line}`)];
}

/** Those of its session, which its descendants are in wherever they went. */
function processes(): [pid: number, commandLine: string][] {
  return processIds().flatMap((pid) => {
    const stat = parseProcessStat(readProc(pid, 'stat'));
    if (!stat || stat.gone || stat.session !== child.pid) return [];
    return [[pid, readProc(pid, 'cmdline').replaceAll('\0', ' ')]];
  });
}
