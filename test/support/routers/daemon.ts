import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Netns } from '../netns.ts';

/** A program that runs in the foreground, in a network namespace. */
export interface Daemon {
  readonly output: string;
  readonly ended: boolean;
  end(signal: NodeJS.Signals): Promise<void>;
}

export function startDaemon(netns: Netns, command: string, args: readonly string[]): Daemon {
  const child: ChildProcess = netns.spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output = (output + chunk).slice(-4000);
    });
  }
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  return {
    get output() {
      return output;
    },
    get ended() {
      return ended();
    },
    end: (signal) =>
      new Promise<void>((resolve) => {
        if (ended()) return resolve();
        child.once('exit', () => resolve());
        child.kill(signal);
      }),
  };
}

/** Waits until a daemon answers; rejects when it has ended. */
export async function answers(name: string, daemon: Daemon, ask: () => Promise<boolean>): Promise<void> {
  while (!(await ask())) {
    if (daemon.ended) throw new Error(`${name} ended: ${daemon.output}`);
    await sleep(50);
  }
}
