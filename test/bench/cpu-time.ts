import { readFileSync } from 'node:fs';

/** CPU milliseconds that a process has used, to 10 ms (proc(5): utime and stime are the 14th and 15th field, in ticks of 1/100 s). */
export function cpuMs(pid: number): number {
  // The second field is the name in brackets, which may hold blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** The processes that a process has started and that still run (proc(5), /proc/PID/task/TID/children). */
export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}
