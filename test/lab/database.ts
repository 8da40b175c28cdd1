// The lab's Postgres: a real one, reachable over a unix socket alone.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Postgres, preparePostgres } from '../support/postgres.ts';
import { run } from './commands.ts';
import type { Topology } from './topology.ts';

/** The server of this lab, running or not. */
export const openDatabase = ({ database }: Topology): Promise<Postgres> =>
  preparePostgres({ dataDirectory: database.data, socketDirectory: database.socketDirectory, detached: true });

/**
 * Ends every process of this lab's database at once, whatever an interrupted `up` left of it (initdb, a server that has not
 * yet written its pid file, the children of a killed one), and frees the shared memory that a killed server leaves behind.
 */
export async function killDatabase(topology: Topology): Promise<void> {
  const folder = dirname(topology.database.data);
  const segment = await sharedMemory(topology.database.data);
  // SIGQUIT is Postgres' immediate shutdown: it ends and reaps its children.
  const postmaster = (await openDatabase(topology)).pid();
  if (postmaster) send(postmaster, 'SIGQUIT');
  const started = Date.now();
  for (;;) {
    const pids = await processesOf(folder);
    const waited = Date.now() - started;
    if (pids.length === 0) break;
    if (waited > 10_000) throw new Error(`processes ${pids.join(', ')} of ${folder} do not end`);
    if (!postmaster || waited > 2000) for (const pid of pids) send(pid, 'SIGKILL');
    await sleep(10);
  }
  if (segment && (await isAbandoned(segment))) await run('ipcrm', ['-m', segment.id], { reject: false });
}

/** The server works in its data folder, and so do its children; initdb and the wrapper that becomes either name it in their arguments. */
async function processesOf(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const ours = await Promise.all(
    pids.map(async (pid) => {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      if (cwd.startsWith(`${folder}/`)) return true;
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
      return /(^|\/)(postgres|initdb|setpriv)$/.test(words[0]) && words.some((word) => word.startsWith(`${folder}/`));
    }),
  );
  return pids.filter((_, index) => ours[index]).map(Number);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}

interface Segment {
  readonly id: string;
  readonly creator: string;
}

/** The System V segment that a server holds to keep a second one away: line 7 of its pid file is "key id", line 1 its creator. */
async function sharedMemory(dataDirectory: string): Promise<Segment | undefined> {
  const lines = (await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const id = lines[6]?.trim().split(/\s+/)[1];
  return id ? { id, creator: lines[0] } : undefined;
}

async function isAbandoned(segment: Segment): Promise<boolean> {
  // Columns of /proc/sysvipc/shm: key, shmid, perms, size, cpid, lpid, nattch, …
  const table = (await readFile('/proc/sysvipc/shm', 'utf8').catch(() => '')).split('\n');
  return table
    .map((line) => line.trim().split(/\s+/))
    .some((row) => row[1] === segment.id && row[4] === segment.creator && row[6] === '0');
}
