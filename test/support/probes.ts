/** Runs the probe program in places of a lab or a cluster: servers in pods, single flows, long streams. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { FlowAttempt, FlowOutcome } from './probe/flows.ts';
import type { ServeOptions } from './probe/serve.ts';
import type { StreamOptions, StreamResult } from './probe/stream.ts';
import type { WatchOptions } from './probe/watch.ts';

const program = fileURLToPath(new URL('./probe/main.ts', import.meta.url));

/** Where programs can run, each place by its name: a lab is one. */
export interface Places {
  /** Rejects only when the command cannot be started. */
  exec(
    place: string,
    command: string,
    args: readonly string[],
    options?: { readonly input?: string },
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
  spawn(place: string, command: string, args: readonly string[], options?: SpawnOptions): Promise<ChildProcess>;
}

interface Probe {
  readonly child: ChildProcess;
  /** What it prints after it was ready. */
  readonly output: Promise<string>;
}

/** Starts a long-running mode and waits for its `ready` line. */
async function start(places: Places, place: string, mode: string, argument: object): Promise<Probe> {
  const child = await places.spawn(place, process.execPath, [program, mode, JSON.stringify(argument)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // A child that is gone closes its input under us; what matters is its exit, or its missing answer.
  child.stdin!.on('error', () => {});
  const ready = once(child.stdout!, 'data');
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the probe in ${place} ended with ${code} before it was ready`);
  });
  // Only the first of the two matters; the end of a probe that was ready is no error.
  ended.catch(() => {});
  await Promise.race([ready, ended]);
  return { child, output: text(child.stdout!) };
}

/** Answers on the ports of a pod until `stop`. */
export async function startServer(
  places: Places,
  place: string,
  options: ServeOptions,
): Promise<{ stop(): Promise<void> }> {
  const { child, output } = await start(places, place, 'serve', options);
  return {
    async stop() {
      child.stdin!.end();
      await output;
    },
  };
}

/** Tries flows from one place, all at once; outcomes in the order of the flows. */
export async function tryFlows(places: Places, place: string, flows: readonly FlowAttempt[]): Promise<FlowOutcome[]> {
  const result = await places.exec(place, process.execPath, [program, 'flows'], { input: JSON.stringify(flows) });
  if (result.code !== 0) throw new Error(`the probe in ${place} failed: ${result.stderr}`);
  return JSON.parse(result.stdout);
}

/** Keeps flows running from a place until `stop`, which gives what was lost. */
export async function startStream(
  places: Places,
  place: string,
  options: StreamOptions,
): Promise<{ stop(): Promise<StreamResult> }> {
  const { child, output } = await start(places, place, 'stream', options);
  return {
    async stop() {
      child.stdin!.end();
      return JSON.parse(await output);
    },
  };
}

/** Tries one flow again and again until its outcome is the one waited for; `moment` is in Unix milliseconds. */
export async function watchFlow(
  places: Places,
  place: string,
  options: WatchOptions,
): Promise<{ readonly moment: Promise<number> }> {
  const { output } = await start(places, place, 'watch', options);
  return {
    moment: output.then((line) => {
      if (line.trim() !== '') return Number(line);
      throw new Error(`the flow from ${place} was not ${options.until} within ${options.withinMs} ms`);
    }),
  };
}
