import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

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

function sysctlPath(name: readonly string[]): string {
  return `${root}/${name.join('/')}`;
}
