import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Container runtimes mount /proc/sys read-only; where the host's is mounted too, the environment says so. */
const root = process.env.CARACAL_PROC_SYS || '/proc/sys';

/**
 * Sets a sysctl of this thread's network namespace. The name is given in parts, because interface names may hold dots:
 * `['net', 'ipv4', 'conf', 'eth0.5', 'forwarding']`. Synchronous, so that it can be used inside `enterNetns`. Throws
 * with the path when the kernel does not have it or refuses the value.
 */
export function writeSysctl(name: readonly string[], value: string | number): void {
  writeFileSync(sysctlPath(name), String(value));
}

/** The value of a sysctl of this thread's network namespace, without its final newline. */
export function readSysctl(name: readonly string[]): string {
  return readFileSync(sysctlPath(name), 'utf8').trimEnd();
}

/** The names below one, such as the interfaces that have settings. */
export function listSysctls(name: readonly string[]): string[] {
  return readdirSync(sysctlPath(name));
}

/**
 * The sysctls of the network namespace in which this was made, wherever the thread is later. `net.ipv4` and `net.ipv6` are open: a path finds
 * them among those of all namespaces, one after the other (fs/proc/proc_sysctl.c: proc_sys_compare), which with 600 takes ten times as long
 * as the rest of a write.
 */
export class NamespaceSysctls {
  readonly #folders = new Map<string, number>();

  /** Of the families whose settings are to be written. */
  constructor(families: readonly ('ipv4' | 'ipv6')[]) {
    try {
      for (const family of families) {
        const fd = openFolder(`${root}/net/${family}`);
        if (fd !== undefined) this.#folders.set(family, fd);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** As {@link writeSysctl}, of names that begin with `net` and `ipv4` or `ipv6`. */
  write(name: readonly [net: 'net', family: 'ipv4' | 'ipv6', ...string[]], value: string | number): void {
    const [, family, ...rest] = name;
    const fd = this.#folders.get(family);
    if (fd === undefined) {
      // Not open, or the kernel does not have it: the path says so.
      writeSysctl(name, value);
      return;
    }
    try {
      writeFileSync(`/proc/self/fd/${fd}/${rest.join('/')}`, String(value));
    } catch (error) {
      // The message names a descriptor, which tells nobody anything.
      if (error instanceof Error) error.message = error.message.replace(`/proc/self/fd/${fd}`, `${root}/net/${family}`);
      throw error;
    }
  }

  close(): void {
    for (const fd of this.#folders.values()) closeSync(fd);
    this.#folders.clear();
  }
}

function openFolder(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function sysctlPath(name: readonly string[]): string {
  return `${root}/${name.join('/')}`;
}
