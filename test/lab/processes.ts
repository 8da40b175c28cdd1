// Long-lived processes of a lab: started detached inside a namespace, with a log file, and found again by later commands.
import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseProcessStat } from '../support/process-stat.ts';
import { baseEnv } from './commands.ts';
import { inNetns } from './namespaces.ts';
import { listProcesses, type ProcessRecord, readProcess, removeProcess, writeProcess } from './state.ts';
import { labFolder } from './topology.ts';

export interface ProcessSpec {
  readonly lab: string;
  /** Unique in the lab, such as `agent-n1`; its log is `logs/NAME.log`. */
  readonly name: string;
  readonly netns: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const logFile = (lab: string, name: string): string => join(labFolder(lab), 'logs', `${name}.log`);

/** Starts a process that outlives this one; nothing happens when it runs already. */
export async function startProcess(spec: ProcessSpec): Promise<void> {
  if (await isRunning(spec.lab, spec.name)) return;
  const log = await open(logFile(spec.lab, spec.name), 'a', 0o600);
  try {
    const [command, args] = inNetns(spec.netns, spec.command, spec.args);
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      cwd: '/',
      env: { ...baseEnv, ...spec.env },
    });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.unref();
    const record = await identify(child.pid!);
    // Ended at once: waitUntilReady says so, with its log.
    if (record) await writeProcess(spec.lab, spec.name, record);
  } finally {
    await log.close();
  }
}

/** Whether the recorded process is alive. */
export async function isRunning(lab: string, name: string): Promise<boolean> {
  const record = await readProcess(lab, name);
  return record !== undefined && (await isAlive(record));
}

/**
 * Ends a recorded process and waits until it is gone: `SIGTERM`, and `SIGKILL` when it is still there after `graceMs`, or
 * `SIGKILL` at once.
 * @returns false when it did not run
 */
export async function endProcess(
  lab: string,
  name: string,
  signal: 'SIGTERM' | 'SIGKILL',
  graceMs = 10_000,
): Promise<boolean> {
  const record = await readProcess(lab, name);
  const alive = record !== undefined && (await isAlive(record));
  if (alive) {
    send(record.pid, signal);
    for (const deadline = Date.now() + graceMs; await isAlive(record); await sleep(5)) {
      if (Date.now() > deadline) send(record.pid, 'SIGKILL');
    }
  }
  await removeProcess(lab, name);
  return alive;
}

/** Ends all recorded processes, for good: they get a second for an orderly end. */
export async function endAll(lab: string): Promise<void> {
  await Promise.all((await listProcesses(lab)).map((name) => endProcess(lab, name, 'SIGTERM', 1000)));
}

/**
 * Waits until `ready` answers true.
 * @throws with the end of the process' log when it ended or took too long
 */
export async function waitUntilReady(
  lab: string,
  name: string,
  what: string,
  ready: () => Promise<boolean>,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  for (const deadline = Date.now() + timeoutMs; !(await ready()); await sleep(25)) {
    options.signal?.throwIfAborted();
    const ended = !(await isRunning(lab, name));
    if (ended || Date.now() > deadline) {
      const why = ended ? 'it ended' : `not after ${timeoutMs / 1000} s`;
      throw new Error(`${name}: waited until ${what}, but ${why}. Its log ends:\n${await logTail(lab, name)}`);
    }
  }
}

/** The last lines that a process wrote. */
async function logTail(lab: string, name: string, lines = 20): Promise<string> {
  const text = await readFile(logFile(lab, name), 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join('\n') || '(nothing)';
}

/** Whether something accepts connections at a unix socket. */
export function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

let bootId: Promise<string> | undefined;
const currentBoot = () => (bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((text) => text.trim()));

async function identify(pid: number): Promise<ProcessRecord | undefined> {
  const startTime = await startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime, bootId: await currentBoot() };
}

async function isAlive(record: ProcessRecord): Promise<boolean> {
  return record.bootId === (await currentBoot()) && record.startTime === (await startTimeOf(record.pid));
}

/** Undefined when it does not run. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = parseProcessStat(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
  return stat?.gone ? undefined : stat?.startTime;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in between.
  }
}
