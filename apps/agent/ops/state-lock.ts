import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockFile } from '@caracal/netlink';

/** An agent that was told to stop answers first what is under way. */
const waitMs = 5_000;
const pauseMs = 100;

/**
 * Makes this process the only agent that works with a state directory: two of them would write into one journal, and give one address to two
 * pods. The kernel ends the lock with the process. Throws when another one has it for longer than an agent takes to stop.
 */
export async function lockState(directory: string, patienceMs: number = waitMs): Promise<{ release(): void }> {
  const path = join(directory, 'agent.lock');
  const fd = openSync(path, 'a', 0o600);
  for (let waited = 0; !lockFile(fd); waited += pauseMs) {
    if (waited >= patienceMs) {
      closeSync(fd);
      throw new Error(
        `another agent works with ${directory} (it holds ${path}): stop it first, or give this one a stateDirectory and a runDirectory of its own`,
      );
    }
    await sleep(pauseMs);
  }
  return { release: () => closeSync(fd) };
}
