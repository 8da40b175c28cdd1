// A CNI plugin executed as a runtime does: configuration on its standard input, parameters in its environment (section 2).
import { spawn } from 'node:child_process';

export interface PluginRun {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Resolves with what it printed when it has ended; rejects when it cannot be started. Of our environment it sees nothing. */
export function runPlugin(
  [command, ...args]: readonly [string, ...string[]],
  parameters: Readonly<Record<string, string>>,
  stdin: string,
): Promise<PluginRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...parameters } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
    // A plugin may end without having read it.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
  });
}
