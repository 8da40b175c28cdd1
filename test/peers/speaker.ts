import type { ChildProcess } from 'node:child_process';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import type { PeerStatus, RouteView } from '../../libs/bgp-speaker/index.ts';
import type { Netns } from '../support/netns.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

/** A caracal-bgp process in a network namespace, fed as the agent feeds it. */
export interface TestSpeaker {
  /** Starts it with these arguments; one that names no `--config` is fed over the socket. */
  start(...extra: string[]): Promise<void>;
  configure(config: unknown): Promise<void>;
  peers(): Promise<PeerStatus[]>;
  routes(what: 'routes' | 'advertised' | 'received', peer?: string): Promise<RouteView[]>;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** SIGTERM; answers with the exit code. */
  terminate(): Promise<number | null>;
  /** Ends it with a signal; answers with the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Runs `caracal-bgp ARGS` against it. */
  cli(...args: string[]): Promise<string>;
  /** As `cli`, whatever its exit code. */
  tryCli(...args: string[]): ReturnType<Netns['try']>;
  /** Where the test may put files; removed in the end. */
  readonly folder: string;
  /** What it has logged. */
  readonly output: string;
  remove(): Promise<void>;
}

const main = new URL('../../apps/bgp/main.ts', import.meta.url).pathname;

export function createSpeaker(netns: Netns): TestSpeaker {
  const folder = makeTemporaryFolder('bgp');
  const socketPath = join(folder, 'run', 'bgp.sock');
  let child: ChildProcess | undefined;
  let output = '';

  const ended = () => !child || child.exitCode !== null || child.signalCode !== null;
  const end = async (signal: NodeJS.Signals) => {
    const ending = child;
    if (!ending || ended()) return ending?.exitCode ?? null;
    await new Promise<void>((resolve) => {
      ending.once('exit', () => resolve());
      ending.kill(signal);
    });
    return ending.exitCode;
  };
  /** Sends one request. The first status line is the greeting of the connection, and others come when something changes. */
  const request = (message: { type: 'configure'; config: unknown } | { type: 'show'; what: string; peer?: string }) =>
    new Promise<{ type: string; rows?: unknown; message?: string }>((resolve, reject) => {
      const socket: Socket = connectSocket(socketPath);
      let text = '';
      let greeted = false;
      socket.once('error', reject);
      socket.once('close', () => reject(new Error(`closed; log: ${output}`)));
      socket.write(`${JSON.stringify(message)}\n`);
      socket.on('data', (chunk) => {
        text += chunk;
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) {
          const reply = JSON.parse(line);
          if (reply.type === 'status' && (!greeted || message.type !== 'configure')) {
            greeted = true;
            continue;
          }
          socket.removeAllListeners('close');
          socket.destroy();
          if (reply.type === 'error') reject(new Error(reply.message));
          else resolve(reply);
        }
      });
    });

  return {
    folder,
    get output() {
      return output;
    },
    start: (...extra) =>
      new Promise((resolve, reject) => {
        const fed = extra.includes('--config') ? [] : ['--state', join(folder, 'state.json')];
        const args = [main, 'run', '--socket', socketPath, '--kernel', ...fed, ...extra];
        const started = netns.spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
        child = started;
        const onText = (chunk: Buffer) => {
          output += chunk;
          if (output.includes('"msg":"ready"')) resolve();
        };
        output = '';
        started.stdout?.on('data', onText);
        started.stderr?.on('data', onText);
        started.once('exit', (code) => reject(new Error(`caracal-bgp ended with ${code}: ${output}`)));
      }),
    configure: async (config) => {
      await request({ type: 'configure', config });
    },
    // The speaker's own types: the rows come from it.
    peers: async () => (await request({ type: 'show', what: 'peers' })).rows as PeerStatus[],
    routes: async (what, peer) => (await request({ type: 'show', what, peer })).rows as RouteView[],
    signal: (signal) => void child?.kill(signal),
    kill: async () => {
      await end('SIGKILL');
    },
    terminate: () => end('SIGTERM'),
    end,
    cli: (...args) => netns.run(process.execPath, [main, ...args, '--socket', socketPath]),
    tryCli: (...args) => netns.try(process.execPath, [main, ...args, '--socket', socketPath]),
    remove: async () => {
      await end('SIGKILL');
      removeTemporaryFolder(folder);
    },
  };
}

/** Waits until the check answers with something true, and answers with that. */
export async function eventually<T>(check: () => Promise<T>, what: string, seconds = 30): Promise<NonNullable<T>> {
  const end = Date.now() + seconds * 1000;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s; last: ${String(last)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
