// Connections that pods try, by the program that upstream's tests use.
import { execa } from 'execa';
import { binaryPath } from './build.ts';
import { kubeconfig } from './commands.ts';

/** What `agnhost connect` says in a pod ('' when it connects): TIMEOUT, REFUSED or OTHER with the error. */
export async function connectFrom(
  pod: string,
  target: string,
  protocol: 'tcp' | 'udp' | 'sctp' = 'tcp',
): Promise<{ readonly connected: boolean; readonly output: string }> {
  const args = ['exec', pod, '--', '/agnhost', 'connect', target, '--timeout=2s', `--protocol=${protocol}`];
  const { exitCode, all } = await execa(binaryPath('kubectl'), ['--kubeconfig', kubeconfig, ...args], {
    reject: false,
    all: true,
  });
  return { connected: exitCode === 0, output: all };
}
