import type { Delegated } from './delegate.ts';
import type { CniEnvironment } from './environment.ts';
import type { Reply } from './frame.ts';
import type { CniFailure } from './pod-network.ts';

/**
 * Answers an operation whose addresses another IPAM plugin gives (specification 1.1.0, section 4): it is executed for every operation,
 * its errors are ours, its standard error is printed, and what it gave to an ADD that then fails it takes back.
 */
export async function answerDelegating(
  command: CniEnvironment['command'],
  execute: (command: string) => Promise<Delegated>,
  carryOut: (given?: readonly string[]) => Promise<Reply>,
  refuse: (failure: CniFailure) => Reply,
): Promise<Reply> {
  const withStderr = (reply: Reply, { stderr }: { readonly stderr: string }) => (stderr ? { ...reply, stderr } : reply);
  if (command === 'ADD') {
    const given = await execute('ADD');
    if (!given.ok) {
      const undone = await execute('DEL');
      return withStderr(refuse(given), { stderr: given.stderr + undone.stderr });
    }
    const reply = await carryOut(given.result?.ips.map(({ address }) => address.split('/')[0]));
    if (reply.exitCode === 0) return withStderr(reply, given);
    const undone = await execute('DEL');
    return withStderr(reply, { stderr: given.stderr + undone.stderr });
  }
  // Ours first: no address is given back while packets can reach it. Each is done even when the other fails.
  const reply = await carryOut();
  const executed = await execute(command);
  if (reply.exitCode !== 0 || executed.ok) return withStderr(reply, executed);
  return withStderr(refuse(executed), executed);
}
