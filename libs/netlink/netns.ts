import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { CLONE_NEWNET, NS_GET_NSTYPE, NSFS_MAGIC } from './constants.ts';
import { errnoName } from './errors.ts';
import { lastErrno, libc } from './libc.ts';

/**
 * Network namespaces of this thread. `setns` changes the calling thread alone, and threads that are born meanwhile
 * inherit the namespace: so code inside must be synchronous, and libuv's thread pool must exist before the first entry
 * (see `warmThreadPool`).
 */

/** An open namespace file that is known to be a network namespace, and not this thread's own. */
export interface Netns {
  readonly fd: number;
  readonly path: string;
  /** Identifies the namespace while it exists: device and inode of its file. */
  readonly id: string;
  close(): void;
}

export type OpenedNetns =
  | { readonly ok: true; readonly netns: Netns }
  | { readonly ok: false; readonly reason: 'missing' | 'notNetns' | 'hostNetns'; readonly message: string };

let own: { readonly fd: number; readonly id: string } | undefined;

/** The namespace that this thread started in; kept open to come back to. */
function ownNetns(): { readonly fd: number; readonly id: string } {
  if (!own) {
    const fd = openSync('/proc/thread-self/ns/net', 'r');
    own = { fd, id: identify(fd) };
  }
  return own;
}

function identify(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return `${dev}:${ino}`;
}

/** Opens a namespace by its path; refuses files of other kinds, and the namespace that this thread runs in. */
export function openNetns(path: string): OpenedNetns {
  const home = ownNetns();
  let fd: number;
  try {
    // A named pipe that nobody writes to would hold this thread for good.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { ok: false, reason: 'missing', message: `network namespace ${path} cannot be opened: ${reason}` };
  }
  const close = () => closeSync(fd);
  const statfs = new BigInt64Array(32);
  // The first member of struct statfs is f_type, a long.
  const known = libc.fstatfs(fd, new Uint8Array(statfs.buffer)) === 0 && Number(statfs[0]) === NSFS_MAGIC;
  if (!known || libc.ioctl(fd, NS_GET_NSTYPE, 0) !== CLONE_NEWNET) {
    close();
    const what = known ? 'a namespace of another kind' : 'an ordinary file';
    return { ok: false, reason: 'notNetns', message: `${path} is ${what}, not a network namespace` };
  }
  const id = identify(fd);
  if (id === home.id) {
    close();
    return { ok: false, reason: 'hostNetns', message: `${path} is the host's own network namespace` };
  }
  return { ok: true, netns: { fd, path, id, close } };
}

/**
 * Runs `work` with this thread inside the namespace and answers with its result. `work` must be synchronous. Throws
 * when the namespace cannot be entered; ends the process with SIGABRT when the thread cannot come back, because
 * everything after would act on the wrong network.
 */
export function enterNetns<T>(netns: Netns, work: () => T extends PromiseLike<unknown> ? never : T): T {
  const home = ownNetns();
  if (libc.setns(netns.fd, CLONE_NEWNET) < 0) {
    throw new Error(`cannot enter network namespace ${netns.path}: ${errnoName(lastErrno())}`);
  }
  try {
    return work();
  } finally {
    if (libc.setns(home.fd, CLONE_NEWNET) < 0) libc.abort();
  }
}

/** Threads of libuv's pool (UV_THREADPOOL_SIZE; 4 by default). */
export function threadPoolSize(): number {
  return Number(process.env.UV_THREADPOOL_SIZE) || 4;
}

/**
 * Makes libuv create the threads of its pool, all at once, in this thread's namespace. To be awaited before the first
 * `enterNetns` of a process: a pool born inside would keep the pod's namespace for every later file and DNS operation.
 */
export async function warmThreadPool(): Promise<void> {
  await stat('/');
}
