import { spawn } from 'node:child_process';
import { execa } from 'execa';

/** How a process ended; `error` when it could not be started at all. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly error?: string;
}

/** What a writer needs of its process. All of its output is delivered, and before `onExit`. */
export interface WriterProcess {
  readonly pid: number | undefined;
  /** Writes all of it; never throws (a dead process shows as its exit). */
  write(text: string): void;
  /** Ends standard input, at which the process ends by itself. */
  end(): void;
  /** SIGKILL. */
  kill(): void;
  onStdout(listener: (text: string) => void): void;
  onStderr(listener: (text: string) => void): void;
  onExit(listener: (exit: ProcessExit) => void): void;
}

/** How processes are started: given to everything here that needs one. */
export interface Processes {
  start(file: string, args: readonly string[]): WriterProcess;
  /** Runs to the end and resolves to standard output; rejects with what it said when it fails. */
  read(file: string, args: readonly string[]): Promise<string>;
}

/**
 * Real processes. `prefix` is put in front of every command, for instance `['nsenter', '--net=/run/netns/a']` (which
 * execs, so that pid and pipes are the command's own). Without it they run in our own network namespace.
 */
export function systemProcesses(prefix: readonly string[] = []): Processes {
  return {
    start(file, args) {
      const [command, ...rest] = [...prefix, file, ...args];
      return childProcess(command, rest);
    },
    async read(file, args) {
      const [command, ...rest] = [...prefix, file, ...args];
      const { stdout } = await execa(command, rest, { stdin: 'ignore', timeout: 30_000, env: { LC_ALL: 'C' } });
      return stdout;
    },
  };
}

function childProcess(command: string, args: readonly string[]): WriterProcess {
  const child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, LC_ALL: 'C' } });
  child.stdout.setEncoding('utf8');
  child.stderr.setEncoding('utf8');
  // EPIPE when the process has died: its exit is reported anyway.
  child.stdin.on('error', () => {});
  return {
    pid: child.pid,
    write: (text) => void child.stdin.write(text),
    end: () => void child.stdin.end(),
    kill: () => void child.kill('SIGKILL'),
    onStdout: (listener) => void child.stdout.on('data', listener),
    onStderr: (listener) => void child.stderr.on('data', listener),
    onExit(listener) {
      child.once('error', (error) => listener({ code: null, signal: null, error: error.message }));
      child.once('close', (code, signal) => listener({ code, signal }));
    },
  };
}
