import { processIds, readProc } from './proc.ts';
import { type ProcessStat, parseProcessStat } from './process-stat.ts';
import { sleepSync } from './sleep-sync.ts';

/** Hubs and agents end in order, Postgres gives its shared memory back. */
const graceMs = 10_000;
const deathMs = 5_000;

/**
 * Ends every process that this one has started, and those that they have started, and waits until they are gone: by SIGINT, as
 * Ctrl-C does it, and by SIGKILL when they are still there after a while. Throws when even then some are. Those of the name `except` are left.
 */
export function endDescendants(except?: string): void {
  /** Whose parent may have ended meanwhile; start times by pid. */
  const known = new Map<number, string>();
  const begun = Date.now();
  for (let first = true; ; first = false) {
    const alive = descendants(known, except);
    if (alive.size === 0) return;
    const waited = Date.now() - begun;
    if (waited > graceMs + deathMs) throw new Error(`processes ${[...alive.keys()].join(', ')} do not end`);
    for (const [pid, { startTime }] of alive) {
      // Who comes later is of one that ends in order, and may be what it needs for that.
      if (first) send(pid, 'SIGINT');
      else if (waited > graceMs) send(pid, 'SIGKILL');
      known.set(pid, startTime);
    }
    sleepSync(10);
  }
}

/** Those that run. */
function descendants(known: ReadonlyMap<number, string>, except?: string): Map<number, ProcessStat> {
  const running = new Map<number, ProcessStat>();
  for (const pid of processIds()) {
    const stat = parseProcessStat(readProc(pid, 'stat'));
    if (stat && !stat.gone && stat.name !== except) running.set(pid, stat);
  }
  const isOurs = (pid: number): boolean => {
    const stat = running.get(pid);
    if (!stat || pid === process.pid) return false;
    return stat.parent === process.pid || known.get(pid) === stat.startTime || isOurs(stat.parent);
  };
  return new Map([...running].filter(([pid]) => isOurs(pid)));
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in between.
  }
}
