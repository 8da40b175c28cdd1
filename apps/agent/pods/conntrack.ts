import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from 'pino';

const run = promisify(execFile);
const gatherMs = 200;

/**
 * Forgets the flows of addresses that nobody holds any more, so that the next holder is not taken for the last: deletes their
 * conntrack entries, in either direction, while the addresses rest. Calls are gathered, and one process does them all; what it is to
 * do lies in a file of `folder`, since it cannot read a socket, as which Node gives standard input.
 */
export function createFlowReaper(folder: string, logger: Logger): (addresses: readonly string[]) => void {
  const path = join(folder, 'released-flows');
  let waiting: string[] = [];
  let running = false;

  async function reap(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const lines = waiting.flatMap((address) => {
        const family = address.includes(':') ? ' -f ipv6' : '';
        // As client, as server, and as server behind a service address.
        return ['-s', '-d', '-r'].map((option) => `-D${family} ${option} ${address}\n`);
      });
      waiting = [];
      try {
        await writeFile(path, lines.join(''), { mode: 0o600 });
        // A command a line; one that finds no entry is no failure.
        await run('conntrack', ['-R', path]);
      } catch (error) {
        logger.warn({ reason: String(error) }, 'flows of released addresses could not be forgotten');
      }
    }
    running = false;
  }

  return (addresses) => {
    if (waiting.length === 0 && !running) setTimeout(() => void reap(), gatherMs);
    waiting.push(...addresses);
  };
}
