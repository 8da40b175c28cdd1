import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fuzz } from '../../libs/bgp-speaker/testing/fuzz/fuzz.ts';

/** Memory after a collection may differ by this much; ten million messages that each left a byte would exceed it. */
const allowedGrowth = 8 << 20;

/**
 * `npm run soak -- bgp [MESSAGES] [SEED]`: mutated real messages through one session's byte path, ten million when nothing
 * is said: no crash, no reset that RFC 7606 does not ask for, and no memory that stays.
 */
export function run([messages = '10000000', seed = String(Date.now() & 0xffff)]: string[]): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const used = () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const total = Number(messages);
  const samples: number[] = [];
  let last = 0;
  console.error(`seed ${seed}`);
  const counts = fuzz({
    seed: Number(seed),
    messages: total,
    onProgress: ({ messages: sent }) => {
      if (sent < last + total / 20) return;
      last = sent;
      const bytes = used();
      samples.push(bytes);
      console.error(`${sent} messages, ${(bytes / 1048576).toFixed(1)} MiB in use`);
    },
  });
  // What a collection has not reached yet comes and goes; what stays shows in the least of several samples.
  const quarter = Math.ceil(samples.length / 4);
  const growth = Math.min(...samples.slice(-quarter)) - Math.min(...samples.slice(0, quarter));
  if (growth > allowedGrowth) throw new Error(`memory grew by ${growth} bytes`);
  const { accept, withdraw, reset } = counts.verdicts;
  console.log(
    `${counts.messages} messages: ${accept} accepted, ${withdraw} withdrawn, ${reset} sessions ended, as asked`,
  );
}
