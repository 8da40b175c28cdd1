// Loaded into an agent before its program: the longest pause of its event loop, from SIGUSR2 on until it ends, into PAUSE_FILE.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const file = process.env.PAUSE_FILE;
if (isMainThread && file) {
  const resolutionMs = 1;
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  process.on('SIGUSR2', () => delay.reset());
  process.on('exit', () => writeFileSync(file, String(delay.max / 1e6 - resolutionMs)));
}
