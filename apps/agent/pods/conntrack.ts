import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HostPort } from '@caracal/dataplane';
import { familyOf } from '@caracal/net';
import type { Logger } from 'pino';

const run = promisify(execFile);
const gatherMs = 200;

/** What forgets flows that the kernel still knows, and must not go on with. */
export interface FlowReaper {
  /** Flows of addresses that nobody holds any more, in either direction, so that the next holder is not taken for the last. */
  forgetAddresses(addresses: readonly string[]): void;
  /** Flows of UDP to ports of this node that lead to a pod from now on: while a client goes on sending, what was before stays in force. */
  forgetHostPorts(ports: readonly HostPort[]): void;
}

/**
 * Deletes conntrack entries. Calls are gathered, and one process does them all; what it is to do lies in a file of `folder`, since it
 * cannot read a socket, as which Node gives standard input.
 */
export function createFlowReaper(folder: string, logger: Logger): FlowReaper {
  const path = join(folder, 'released-flows');
  let waiting: string[] = [];
  let running = false;

  async function reap(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const lines = waiting;
      waiting = [];
      try {
        await writeFile(path, lines.join(''), { mode: 0o600 });
        // A command a line; one that finds no entry is no failure.
        await run('conntrack', ['-R', path]);
      } catch (error) {
        logger.warn({ reason: String(error) }, 'flows that must not go on could not be forgotten');
      }
    }
    running = false;
  }

  function add(lines: readonly string[]): void {
    if (lines.length === 0) return;
    if (waiting.length === 0 && !running) setTimeout(() => void reap(), gatherMs);
    waiting.push(...lines);
  }

  const family = (address: string) => (familyOf(address) === 6 ? ' -f ipv6' : '');
  return {
    forgetAddresses: (addresses) =>
      // As client, as server, and as server behind a service address.
      add(addresses.flatMap((text) => ['-s', '-d', '-r'].map((option) => `-D${family(text)} ${option} ${text}\n`))),
    forgetHostPorts: (ports) =>
      add(
        ports
          .filter(({ protocol }) => protocol === 'udp')
          .map(({ hostPort, hostAddress, podAddress }) => {
            const address = hostAddress ? ` -d ${hostAddress}` : '';
            return `-D${family(podAddress)} -p udp${address} --orig-port-dst ${hostPort}\n`;
          }),
      ),
  };
}
