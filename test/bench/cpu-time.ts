import { readFileSync } from 'node:fs';
import { parseProcessStat } from '../support/process-stat.ts';

/** CPU milliseconds that a process has used, to 10 ms; throws when there is none. */
export function cpuMs(pid: number): number {
  return 10 * (parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.cpuTicks ?? Number.NaN);
}

/** The processes that a process has started and that still run (proc(5), /proc/PID/task/TID/children). */
export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}
