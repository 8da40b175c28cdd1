import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

/** How a timed program ended. */
export interface TimedRun {
  /** Milliseconds of the machine's monotonic clock. */
  readonly startedAt: number;
  /** From just before the start until the end was seen. */
  readonly milliseconds: number;
  readonly exitCode: number;
  readonly stdout: string;
}

/** A small process in a network namespace that starts programs and times them; see spawn-timer.c. */
export interface SpawnTimer {
  run(program: string, environment: Readonly<Record<string, string>>, stdin: string): Promise<TimedRun>;
  close(): Promise<void>;
}

const answerHeaderBytes = 24;

/** Compiles the timer and starts it in the namespace of the path. */
export function startSpawnTimer(netnsPath: string): SpawnTimer {
  const folder = makeTemporaryFolder('bench');
  const program = join(folder, 'spawn-timer');
  const source = fileURLToPath(new URL('./spawn-timer.c', import.meta.url));
  execFileSync('gcc', ['-O2', '-o', program, source], { stdio: ['ignore', 'ignore', 'inherit'] });
  const child = spawn('nsenter', [`--net=${netnsPath}`, '--', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  let received: Buffer = Buffer.alloc(0);
  let waiting: PromiseWithResolvers<TimedRun> | undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < answerHeaderBytes) return;
    const end = answerHeaderBytes + received.readUInt32LE(20);
    if (received.length < end) return;
    waiting?.resolve({
      startedAt: Number(received.readBigUInt64LE(0)) / 1e6,
      milliseconds: Number(received.readBigUInt64LE(8)) / 1e6,
      exitCode: received.readUInt32LE(16),
      stdout: received.toString('utf8', answerHeaderBytes, end),
    });
    received = received.subarray(end);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      waiting?.reject(new Error('the spawn timer ended; its reason is on standard error'));
      resolve();
    });
  });
  return {
    run: (path, environment, stdin) => {
      const variables = Object.entries({ ...environment, SPAWN_PROGRAM: path }).map(
        ([key, value]) => `${key}=${value}\0`,
      );
      const parts = [Buffer.from(variables.join('')), Buffer.from(stdin)];
      const lengths = Buffer.alloc(8);
      for (const [i, part] of parts.entries()) lengths.writeUInt32LE(part.length, 4 * i);
      waiting = Promise.withResolvers<TimedRun>();
      child.stdin.write(Buffer.concat([lengths, ...parts]));
      return waiting.promise;
    },
    close: async () => {
      child.stdin.end();
      await ended;
      removeTemporaryFolder(folder);
    },
  };
}
