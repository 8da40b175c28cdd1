import type { ChildProcess } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createNetns, type Netns } from '../../support/netns.ts';
import { childrenOf } from '../../support/proc.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/temporary-folder.ts';
import { cpuMs } from '../cpu-time.ts';
import { residentMib } from '../process-memory.ts';
import type { PeerOfSpeaker, SpeakerUnderTest } from './speakers.ts';

/** The speaker did not get there: it took longer than anybody would wait, or a session fell. */
export class NotReached extends Error {}

const limitMs = 180_000;

/** A speaker and its neighbours, each a process in a network namespace. */
export interface BgpWorld {
  readonly speaker: Netns;
  /** A namespace for neighbours. */
  netns(role: string): Promise<Netns>;
  start(peers: readonly PeerOfSpeaker[]): void;
  /** Starts `FILE ARGS…` of this folder. */
  traffic(netns: Netns, file: string, ...args: readonly (string | number)[]): ChildProcess;
  /** Peak memory and processor time of the speaker and its children. */
  usage(): Usage;
}

export interface Usage {
  readonly peakMiB: number;
  readonly cpuMs: number;
}

/** Calls with a world for a speaker, and removes it after that, whatever happens. */
export async function inWorld<T>(speaker: SpeakerUnderTest, measure: (world: BgpWorld) => Promise<T>): Promise<T> {
  const folder = makeTemporaryFolder('bench-bgp');
  // FRR's daemon writes there under a user of its own.
  chmodSync(folder, 0o777);
  const spaces: Netns[] = [];
  const netns = async (role: string) => {
    const made = await createNetns(role);
    spaces.unshift(made);
    return made;
  };
  let running: ChildProcess | undefined;
  try {
    const dut = await netns('dut');
    return await measure({
      speaker: dut,
      netns,
      start: (peers) => {
        const file = join(folder, speaker.fileName);
        writeFileSync(file, speaker.config(peers));
        const [command, ...args] = speaker.command(file, folder);
        running = dut.spawn(command, args, { stdio: 'ignore' });
      },
      traffic: (where, file, ...args) =>
        where.spawn(process.execPath, [new URL(file, import.meta.url).pathname, ...args.map(String)], {
          stdio: ['pipe', 'pipe', 'inherit'],
        }),
      usage: () => usageOf(running?.pid ?? 0),
    });
  } finally {
    // A profile is written at an orderly end.
    if (running && process.env.CARACAL_BENCH_NODE_OPTIONS) await ended(running);
    for (const space of spaces) await space.remove();
    removeTemporaryFolder(folder);
  }
}

/** Asks a process to end, and waits for it. */
function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

/**
 * The numbers behind a word that a process prints. Rejects with `NotReached` when it prints the word `instead`, when it ends
 * before, or when it says nothing for three minutes.
 */
export function line(child: ChildProcess, word: string, instead?: { word: string; means: string }): Promise<number[]> {
  const { stdout } = child;
  if (!stdout) throw new Error('the output is not piped');
  return new Promise((resolve, reject) => {
    const lines = createInterface(stdout);
    const end = () => {
      clearTimeout(timer);
      lines.removeAllListeners();
      child.off('exit', exited);
    };
    const exited = () => {
      end();
      reject(new NotReached(`a neighbour ended before "${word}"`));
    };
    const timer = setTimeout(() => {
      end();
      reject(new NotReached(`no "${word}" within ${limitMs / 1000} s`));
    }, limitMs);
    lines.on('line', (text) => {
      const [first, ...numbers] = text.split(' ');
      if (first !== word && first !== instead?.word) return;
      end();
      if (first === word) resolve(numbers.map(Number));
      else reject(new NotReached(instead?.means));
    });
    child.once('exit', exited);
  });
}

function usageOf(pid: number): Usage {
  return childrenOf(pid).reduce(
    (sum, child) => {
      const more = usageOf(child);
      return { peakMiB: sum.peakMiB + more.peakMiB, cpuMs: sum.cpuMs + more.cpuMs };
    },
    { peakMiB: Math.round(residentMib(pid).peak), cpuMs: cpuMs(pid) },
  );
}
