import { type ChildProcess, execFile, execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { undoAtExit } from './undo.ts';

/**
 * Network namespaces for tests: uniquely named, connected by veth pairs, removed with everything that was started in
 * them. Commands run through `nsenter --net`, which changes the network namespace alone (`ip netns exec` would also
 * make a private mount namespace, in which other namespaces' files are hidden).
 */

interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Netns {
  /** Unique to this run, at most 15 characters. */
  readonly name: string;
  /** The absolute path of the namespace's file. */
  readonly path: string;
  /** Runs a command inside and answers with its exit code and output; rejects only when it cannot be started. */
  try(command: string, args: readonly string[], input?: string): Promise<CommandResult>;
  /** Runs a command inside and answers with its standard output; rejects on a non-zero exit code. */
  run(command: string, args: readonly string[], input?: string): Promise<string>;
  /** Starts a long-lived command inside; `remove` ends it with SIGKILL if it still runs. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Ends what `spawn` started and deletes the namespace. Safe to call twice. */
  remove(): Promise<void>;
}

/** One end of a veth pair. */
export interface VethEnd {
  readonly netns: Netns;
  readonly interface: string;
  /** With prefix length, such as `10.1.0.1/24`. */
  readonly address?: string;
  readonly mac?: string;
}

/** Runs a command in this process' own namespace; never rejects on a non-zero exit code. */
function execute(command: string, args: readonly string[], input?: string): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number' && !error.signal) reject(error);
      else resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr });
    });
    // A command that does not read its input may have closed it already.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}

async function executeOk(command: string, args: readonly string[], input?: string): Promise<string> {
  const result = await execute(command, args, input);
  if (result.code !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${result.code}: ${result.stderr || result.stdout}`);
  }
  return result.stdout;
}

/** Creates a namespace named `ct-<role>-<random>` (role: up to 5 letters), with its loopback up. */
export async function createNetns(role: string): Promise<Netns> {
  if (process.getuid?.() !== 0) throw new Error('this test needs root: it creates network namespaces');
  const name = `ct-${role.slice(0, 5)}-${randomBytes(3).toString('hex')}`;
  // Made in the same breath: no signal comes between.
  execFileSync('ip', ['netns', 'add', name]);
  const undone = undoAtExit(() => spawnSync('ip', ['netns', 'del', name]));
  let alive = true;
  const path = `/var/run/netns/${name}`;
  const children = new Set<ChildProcess>();
  const inside = (command: string, args: readonly string[]) => [`--net=${path}`, '--', command, ...args];

  const netns: Netns = {
    name,
    path,
    try: (command, args, input) => execute('nsenter', inside(command, args), input),
    run: (command, args, input) => executeOk('nsenter', inside(command, args), input),
    spawn: (command, args, options = {}) => {
      const child = spawn('nsenter', inside(command, args), options);
      children.add(child);
      child.once('exit', () => children.delete(child));
      return child;
    },
    remove: async () => {
      if (!alive) return;
      await Promise.all(
        [...children].map(
          (child) =>
            new Promise<void>((resolve) => {
              if (child.exitCode !== null || child.signalCode !== null) return resolve();
              child.once('exit', () => resolve());
              child.kill('SIGKILL');
            }),
        ),
      );
      await executeOk('ip', ['netns', 'del', name]);
      alive = false;
      undone();
    },
  };
  await netns.run('ip', ['link', 'set', 'lo', 'up']);
  return netns;
}

/** Connects two namespaces by a veth pair with both ends up, and gives the ends their addresses. */
export async function connect(a: VethEnd, b: VethEnd): Promise<void> {
  const end = (e: VethEnd) => ['name', e.interface, ...(e.mac ? ['address', e.mac] : []), 'netns', e.netns.name];
  await executeOk('ip', ['link', 'add', ...end(a), 'type', 'veth', 'peer', ...end(b)]);
  for (const e of [a, b]) {
    if (e.address) await e.netns.run('ip', ['address', 'add', e.address, 'dev', e.interface]);
    await e.netns.run('ip', ['link', 'set', e.interface, 'up']);
  }
}
