import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` while nobody else builds or removes this lab. The lock is an abstract unix socket: the kernel lets one process
 * bind it, and releases it however that process ends.
 * @throws after `timeoutMs` of waiting for another holder
 */
export async function withLabLock<T>(lab: string, work: () => Promise<T>, timeoutMs = 120_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let release = await tryLock(lab);
  while (!release) {
    if (Date.now() > deadline) throw new Error(`lab ${lab}: another \`lab up\` or \`lab down\` of it is still running`);
    await sleep(100);
    release = await tryLock(lab);
  }
  try {
    return await work();
  } finally {
    await release();
  }
}

/** Of this process. */
const held = new Map<string, Server>();

/** Lets another process have the lock that `work` has: it will do nothing more, as this process ends. */
export function giveUpLabLock(lab: string): void {
  held.get(lab)?.close();
}

function tryLock(lab: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(`\0caracal-lab/${lab}`, () => {
      held.set(lab, server);
      resolve(() => {
        held.delete(lab);
        return new Promise((closed) => server.close(() => closed()));
      });
    });
  });
}
