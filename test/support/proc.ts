import { readdirSync, readFileSync } from 'node:fs';

/** The text of a file below /proc/PID; empty when there is no such process any more. */
export function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** All processes that this one sees. */
export function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The processes that the first thread of a process has started and that still run (proc(5), /proc/PID/task/TID/children). */
export function childrenOf(pid: number): number[] {
  return readProc(pid, `task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** The names of a process' threads. */
export function threadNames(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((task) => readProc(pid, `task/${task}/comm`).trim());
}
