// The operator as a process of its own, so that it can be killed as a machine kills it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface OperatorSettings {
  /** URL of the API server, when it is not that of the control plane. */
  readonly server?: string;
  /** In the Lease, and of its log. */
  readonly identity?: string;
  /** More fields of its configuration. */
  readonly config?: object;
}

export interface OperatorProcess {
  start(): void;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGTERM. */
  stop(): Promise<void>;
  /** SIGSTOP: it does nothing any more, and knows nothing of it. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** All that it has written so far. */
  log(): string;
}

export function operatorProcess(
  folder: string,
  kubeconfig: string,
  databaseUrl: string,
  { identity = 'operator', config = {} }: OperatorSettings,
): OperatorProcess {
  const path = join(folder, `operator-${identity}.json`);
  const log = join(folder, `operator-${identity}.log`);
  const settings = {
    kubeconfig,
    identity,
    statusWritesPerSecond: 500,
    surveyMs: 500,
    lease: { durationMs: 4000, renewDeadlineMs: 3000, retryMs: 300 },
    ...config,
  };
  writeFileSync(path, JSON.stringify(settings));
  writeFileSync(log, '');
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
      // setpriv: it ends with us, however we end.
      const command = ['--pdeathsig', 'KILL', '--', process.execPath, 'operator/main.ts', 'run', '--config', path];
      child = spawn('setpriv', command, {
        env: { ...process.env, CARACAL_DATABASE_URL: databaseUrl },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [child.stdout!, child.stderr!])
        stream.on('data', (chunk: Buffer) => appendFileSync(log, chunk));
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    log: () => readFileSync(log, 'utf8'),
  };
}
