// Long-lived processes of a cluster: each has a log and a record of its pid in the state folder, so that a later command ends it.
import { spawn } from 'node:child_process';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseProcessStat } from '../support/process-stat.ts';

export interface ProcessSpec {
  /** The state folder; the log is `logs/NAME.log` in it. */
  readonly folder: string;
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Outlive this process. Without it the kernel ends it when this process ends. */
  readonly detached?: boolean;
}

const recordPath = (folder: string, name: string) => join(folder, 'processes', `${name}.json`);

/** Starts a process; nothing happens when it runs already. */
export async function startProcess(spec: ProcessSpec): Promise<void> {
  if (await isRunning(spec.folder, spec.name)) return;
  await mkdir(join(spec.folder, 'logs'), { recursive: true });
  await mkdir(join(spec.folder, 'processes'), { recursive: true });
  const log = await open(join(spec.folder, 'logs', `${spec.name}.log`), 'a', 0o600);
  try {
    const command = spec.detached
      ? [spec.command, ...spec.args]
      : ['setpriv', '--pdeathsig', 'KILL', '--', spec.command, ...spec.args];
    const child = spawn(command[0]!, command.slice(1), {
      detached: spec.detached ?? false,
      stdio: ['ignore', log.fd, log.fd],
      cwd: '/',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', ...spec.env },
    });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.unref();
    await writeFile(
      recordPath(spec.folder, spec.name),
      JSON.stringify({ pid: child.pid, startTime: await startTimeOf(child.pid!) }),
    );
  } finally {
    await log.close();
  }
}

/** Whether the recorded process is alive. */
export async function isRunning(folder: string, name: string): Promise<boolean> {
  return (await livePid(folder, name)) !== undefined;
}

/** The pid of the recorded process while it is alive. */
export async function livePid(folder: string, name: string): Promise<number | undefined> {
  const text = await readFile(recordPath(folder, name), 'utf8').catch(() => undefined);
  if (!text) return undefined;
  const { pid, startTime }: { pid: number; startTime?: string } = JSON.parse(text);
  return startTime !== undefined && startTime === (await startTimeOf(pid)) ? pid : undefined;
}

/** Ends a recorded process and waits until it is gone: SIGTERM and, after 10 s, SIGKILL; or SIGKILL at once. */
export async function endProcess(folder: string, name: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const pid = await livePid(folder, name);
  if (pid !== undefined) {
    send(pid, signal);
    for (const deadline = Date.now() + 10_000; (await livePid(folder, name)) !== undefined; await sleep(20)) {
      if (Date.now() > deadline) send(pid, 'SIGKILL');
    }
  }
  await rm(recordPath(folder, name), { force: true });
}

/** The names of all recorded processes. */
export async function recordedProcesses(folder: string): Promise<string[]> {
  const files = await readdir(join(folder, 'processes')).catch(() => []);
  return files.map((file) => file.replace(/\.json$/, ''));
}

/**
 * Waits until `ready` answers true.
 * @throws with the end of the process' log when it ended or took too long
 */
export async function waitUntilReady(
  folder: string,
  name: string,
  what: string,
  ready: () => Promise<boolean>,
  timeoutMs = 120_000,
): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await ready()); await sleep(100)) {
    const ended = !(await isRunning(folder, name));
    if (!ended && Date.now() < deadline) continue;
    const log = await readFile(join(folder, 'logs', `${name}.log`), 'utf8').catch(() => '');
    const why = ended ? 'it ended' : `not after ${timeoutMs / 1000} s`;
    throw new Error(
      `${name}: waited until ${what}, but ${why}. Its log ends:\n${log.trimEnd().split('\n').slice(-20).join('\n')}`,
    );
  }
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
