import type { Netns } from './netns.ts';

/** What became of the pings that were sent. */
interface PingCount {
  readonly sent: number;
  readonly received: number;
}

/** Pings an address every 10 ms until it is told to stop, and then says what came back. */
export function startPinging(netns: Netns, address: string): { stop(): Promise<PingCount> } {
  const child = netns.spawn('ping', ['-q', '-i', '0.01', '-W', '1', address], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    stop: async () => {
      child.kill('SIGINT');
      await ended;
      const counts = /(\d+) packets transmitted, (\d+) received/.exec(output);
      if (!counts) throw new Error(`ping ${address} did not count: ${output}`);
      return { sent: Number(counts[1]), received: Number(counts[2]) };
    },
  };
}
