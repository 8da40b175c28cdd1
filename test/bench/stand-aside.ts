import { execFileSync } from 'node:child_process';
import { childrenOf } from '../support/proc.ts';

/**
 * Processes of other machines than the one that is measured, of which there is one here: with what they start from now on they run when
 * nothing else wants the processor (SCHED_IDLE, sched(7)).
 */
export function standAside(pids: readonly number[]): void {
  for (const pid of pids) {
    execFileSync('chrt', ['--all-tasks', '--idle', '--pid', '0', String(pid)]);
    standAside(childrenOf(pid));
  }
}
