import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Netns } from './netns.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';

/** A real BIRD 2 in a network namespace. */
export interface Bird {
  readonly pid: number;
  /** The path of its control socket. */
  readonly socket: string;
  /** What birdc answers to a command, without its greeting. */
  birdc(command: string): Promise<string>;
  /** Replaces the configuration while it runs. */
  reconfigure(config: string): Promise<void>;
  /** Ends it with SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** The configuration for the next start. */
  configureForRestart(config: string): void;
  /** Starts it again after `kill`, with the configuration that it had, and with more arguments. */
  restart(...extra: string[]): Promise<void>;
  /** Ends it, and removes its files. */
  stop(): Promise<void>;
}

const birdPath = '/usr/sbin/bird';
const birdcPath = '/usr/sbin/birdc';

/** Starts BIRD with a configuration and waits until it answers. */
export async function startBird({ netns, config }: { netns: Netns; config: string }): Promise<Bird> {
  const folder = makeTemporaryFolder('bird');
  const file = join(folder, 'bird.conf');
  const socket = join(folder, 'bird.ctl');
  let child: ChildProcess;
  let output = '';

  const birdc = async (command: string) => {
    const result = await netns.try(birdcPath, ['-s', socket, ...command.split(' ')]);
    if (result.code !== 0) throw new Error(`birdc ${command}: ${result.stdout}${result.stderr}\nbird: ${output}`);
    return result.stdout.replace(/^BIRD .* ready\.\n/, '');
  };
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  const start = async (...extra: string[]) => {
    child = netns.spawn(birdPath, ['-f', '-c', file, '-s', socket, ...extra], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        output = (output + chunk).slice(-4000);
      });
    }
    for (;;) {
      if (ended()) throw new Error(`bird ended: ${output}`);
      if ((await netns.try(birdcPath, ['-s', socket, 'show', 'status'])).code === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const end = (signal: NodeJS.Signals) =>
    new Promise<void>((resolve) => {
      if (ended()) return resolve();
      child.once('exit', () => resolve());
      child.kill(signal);
    });

  writeFileSync(file, config);
  await start();
  return {
    get pid() {
      return child.pid ?? 0;
    },
    socket,
    birdc,
    reconfigure: async (next) => {
      writeFileSync(file, next);
      await birdc('configure');
    },
    kill: () => end('SIGKILL'),
    configureForRestart: (next) => writeFileSync(file, next),
    restart: start,
    stop: async () => {
      await end('SIGTERM');
      removeTemporaryFolder(folder);
    },
  };
}
