import { spawn } from 'node:child_process';
import type { Logger } from 'pino';

const gatherMs = 200;

/**
 * Forgets the flows of addresses that nobody holds any more, so that the next holder is not taken for the last: deletes their
 * conntrack entries, in either direction, while the addresses rest. Calls are gathered, and one process does them all.
 */
export function createFlowReaper(logger: Logger): (addresses: readonly string[]) => void {
  let waiting: string[] = [];

  function reap(): void {
    const lines = waiting.flatMap((address) => {
      const family = address.includes(':') ? ' -f ipv6' : '';
      // As client, as server, and as server behind a service address.
      return ['-s', '-d', '-r'].map((option) => `-D${family} ${option} ${address}\n`);
    });
    waiting = [];
    // Reads a command a line; one that finds no entry is no failure.
    const child = spawn('conntrack', ['-R', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk).slice(-500);
    });
    const failed = (reason: string) => logger.warn({ reason }, 'flows of released addresses could not be forgotten');
    child.on('error', (error) => failed(error.message));
    child.on('close', (code) => code !== 0 && failed(said.trim()));
    child.stdin.on('error', () => {}); // its end says why
    child.stdin.end(lines.join(''));
  }

  return (addresses) => {
    if (waiting.length === 0) setTimeout(reap, gatherMs);
    waiting.push(...addresses);
  };
}
