// Loaded into an agent before its program: the longest turns of its event loop, from SIGUSR2 on until it ends, into PAUSE_FILE.
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

export interface LongestPause {
  /** Of the clock, with all that the machine did meanwhile. */
  readonly ms: number;
  /** That the thread was on a processor in one turn; the kernel counts it to some ms. */
  readonly cpuMs: number;
}

const everyMs = 1;
const file = process.env.PAUSE_FILE;
if (isMainThread && file) {
  let longest: LongestPause = { ms: 0, cpuMs: 0 };
  let at = now();
  setInterval(() => {
    const here = now();
    longest = {
      ms: Math.max(longest.ms, here.ms - at.ms - everyMs),
      cpuMs: Math.max(longest.cpuMs, here.cpuMs - at.cpuMs),
    };
    at = here;
  }, everyMs).unref();
  process.on('SIGUSR2', () => {
    longest = { ms: 0, cpuMs: 0 };
  });
  process.on('exit', () => writeFileSync(file, JSON.stringify(longest)));
}

function now(): LongestPause {
  const { user, system } = process.threadCpuUsage();
  return { ms: performance.now(), cpuMs: (user + system) / 1000 };
}
