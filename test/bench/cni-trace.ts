import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Step } from '../../apps/agent/steps.ts';
import type { Command } from './cni-plugins.ts';
import { type Percentiles, percentiles } from './figures.ts';
import type { TimedRun } from './spawn-timer.ts';

/** Where the time of a command went: one part of it. */
export interface TracedPart {
  readonly part: string;
  /** Microseconds. */
  readonly micros: Percentiles;
}

/** One of the slowest runs. */
export interface SlowRun {
  /** Which of the runs, in their order. */
  readonly run: number;
  readonly milliseconds: number;
  /** The parts that took longest beyond their median, the worst first, with the microseconds beyond it. */
  readonly beyond: readonly { readonly part: string; readonly micros: number }[];
}

export interface Trace {
  readonly parts: readonly TracedPart[];
  /** The slowest three in a hundred, the slowest first. */
  readonly slowest: readonly SlowRun[];
}

/** `start` and `end` are those of the executable's process. */
type Moment = Step | 'start' | 'end';
type Part = readonly [name: string, from: Moment, to: Moment];

/** What is indented goes on beside what follows, or is part of what stands over it. */
const parts: Readonly<Record<Command, readonly Part[]>> = {
  ADD: [
    ['stub: starts, reads, connects', 'start', 'request: accepted'],
    ['socket: the request', 'request: accepted', 'request: whole'],
    ['agent: parsed, pod known', 'request: whole', 'ADD: pod known'],
    ['agent: address taken', 'ADD: pod known', 'ADD: address taken'],
    ['journal, policy, netlink at once', 'ADD: address taken', 'ADD: complete'],
    ['  journal: on the disk', 'ADD: address taken', 'ADD: in the journal'],
    ['  policy: compiled, sets', 'ADD: address taken', 'rules: sets written'],
    ['  policy: rules in the kernel', 'rules: sets written', 'ADD: enforced'],
    ['  netlink: to the worker', 'ADD: address taken', 'wire: asked'],
    ['  netlink: the pod entered', 'wire: asked', 'wire: inside'],
    ['  netlink: veth made', 'wire: inside', 'wire: pair made'],
    ['  netlink: the end in the pod', 'wire: pair made', 'wire: pod end set up'],
    ['  netlink: the end on the host', 'wire: pod end set up', 'wire: host end set up'],
    ['  netlink: queues activated', 'wire: host end set up', 'wire: done'],
    ['  netlink: back from the worker', 'wire: done', 'ADD: wired'],
    ['answer: written', 'ADD: complete', 'request: answered'],
    ['answer: printed by the stub', 'request: answered', 'end'],
  ],
  DEL: [
    ['stub: starts, reads, connects', 'start', 'request: accepted'],
    ['socket: the request', 'request: accepted', 'request: whole'],
    ['agent: to the worker', 'request: whole', 'unwire: asked'],
    ['netlink: the pair gone', 'unwire: asked', 'unwire: done'],
    ['agent: back from the worker', 'unwire: done', 'DEL: unwired'],
    ['journal and policy at once', 'DEL: unwired', 'DEL: complete'],
    ['  journal: on the disk', 'DEL: unwired', 'DEL: in the journal'],
    ['  policy: rules gone', 'DEL: unwired', 'DEL: unenforced'],
    ['answer: written', 'DEL: complete', 'request: answered'],
    ['answer: printed by the stub', 'request: answered', 'end'],
  ],
};

/** Reads what an agent with CARACAL_TRACE has written, and tells the steps of each run by their time: no two ran at once. */
export async function readTrace(path: string, command: Command, runs: readonly TimedRun[]): Promise<Trace> {
  await sleep(500); // it is written now and then
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const taken = lines.map((line) => ({
    at: Number(line.split(' ', 1)[0]) / 1e6,
    step: line.slice(line.indexOf(' ') + 1),
  }));
  const traces = runs.map(({ startedAt, milliseconds }) => {
    const end = startedAt + milliseconds;
    const moments = new Map<string, number>([
      ['start', startedAt],
      ['end', end],
    ]);
    for (const { at, step } of taken) if (at >= startedAt && at <= end && !moments.has(step)) moments.set(step, at);
    return moments;
  });
  const measured = parts[command].map(([part, from, to]) => {
    // The writers' own steps may be another change's.
    const micros = traces.map((moments) => {
      const [begin, end] = [moments.get(from), moments.get(to)];
      return begin === undefined || end === undefined ? undefined : 1_000 * (end - begin);
    });
    const known = micros.filter((each) => each !== undefined);
    if (known.length === 0) throw new Error(`${path}: no ${command} has taken the steps "${from}" and "${to}"`);
    return { part, micros, percentiles: percentiles(known) };
  });
  const slowest = runs
    .map(({ milliseconds }, run) => ({ run, milliseconds }))
    .sort((a, b) => b.milliseconds - a.milliseconds)
    .slice(0, Math.ceil(runs.length * slowShare))
    .map((each) => ({ ...each, beyond: beyondMedian(each.run) }));

  function beyondMedian(run: number): SlowRun['beyond'] {
    return measured
      .map(({ part, micros, percentiles }) => ({ part: part.trim(), micros: (micros[run] ?? 0) - percentiles.p50 }))
      .sort((a, b) => b.micros - a.micros)
      .slice(0, partsNamed)
      .filter(({ micros }) => micros > 0);
  }

  return { parts: measured.map(({ part, percentiles }) => ({ part, micros: percentiles })), slowest };
}

const slowShare = 0.03;
const partsNamed = 3;

export function formatTrace(command: Command, { parts: traced, slowest }: Trace): string {
  const line = (part: string, p50: string, p99: string) => part.padEnd(40) + p50.padStart(10) + p99.padStart(10);
  return [
    line(`where the time of ${command} goes`, 'p50 µs', 'p99 µs'),
    ...traced.map(({ part, micros }) => line(part, micros.p50.toFixed(0), micros.p99.toFixed(0))),
    'the slowest, and what took longer than by its median',
    ...slowest.flatMap(({ run, milliseconds, beyond }) => [
      `  run ${run}: ${milliseconds.toFixed(1)} ms`,
      ...beyond.map(({ part, micros }) => `${`    ${part}`.padEnd(40)}${`+${micros.toFixed(0)}`.padStart(10)}`),
    ]),
  ].join('\n');
}
