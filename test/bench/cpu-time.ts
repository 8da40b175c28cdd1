import { readFileSync } from 'node:fs';
import { parseProcessStat } from '../support/process-stat.ts';

/** CPU milliseconds that a process has used, to 10 ms; throws when there is none. */
export function cpuMs(pid: number): number {
  return 10 * (parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.cpuTicks ?? Number.NaN);
}
