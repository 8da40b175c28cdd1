// The operator as a process of its own, so that it can be killed as a machine kills it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface OperatorProcess {
  start(): void;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGTERM. */
  stop(): Promise<void>;
}

export function operatorProcess(folder: string, kubeconfig: string, databaseUrl: string): OperatorProcess {
  const config = join(folder, 'operator.json');
  writeFileSync(
    config,
    JSON.stringify({
      kubeconfig,
      identity: 'operator-test',
      statusWritesPerSecond: 500,
      surveyMs: 500,
      lease: { durationMs: 3000, renewDeadlineMs: 2000, retryMs: 300 },
    }),
  );
  let child: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals) => {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = once(ending, 'exit');
    ending.kill(signal);
    await exited;
  };
  return {
    start() {
      child = spawn(process.execPath, ['operator/main.ts', 'run', '--config', config], {
        env: { ...process.env, CARACAL_DATABASE_URL: databaseUrl },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [child.stdout!, child.stderr!]) {
        stream.on('data', (chunk: Buffer) => appendFileSync(join(folder, 'operator.log'), chunk));
      }
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}
