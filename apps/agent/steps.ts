/**
 * The steps of ADD and DEL, by name. Each is published on a channel of node:diagnostics_channel when it has been taken, which costs
 * nothing while nobody listens. Two can listen, each because a variable of the environment asks for it at the start: a trace, which
 * writes down when each step was taken (`npm run bench -- cni --trace`), and a fault, which kills at a step (`npm run soak -- cni`).
 */
import { channel } from 'node:diagnostics_channel';
import { appendFileSync, readFileSync, unlinkSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** By who takes them, in the order in which they are taken; those of a line with `journal` or `rules` go on beside the wiring. */
export const steps = {
  agent: {
    ADD: [
      'request: accepted',
      'request: whole',
      'ADD: pod known',
      'ADD: address taken',
      'journal: being written',
      'ADD: in the journal',
      'rules: sets written',
      'ADD: enforced',
      'ADD: host ports lead to it',
      'ADD: wired',
      'ADD: complete',
      'request: answered',
    ],
    DEL: [
      'request: accepted',
      'request: whole',
      'DEL: unwired',
      'rules: sets written',
      'DEL: unenforced',
      'journal: being written',
      'DEL: in the journal',
      'DEL: host ports led away',
      'DEL: complete',
      'request: answered',
    ],
  },
  worker: {
    ADD: [
      'wire: asked',
      'wire: inside',
      'wire: pair made',
      'wire: pod end set up',
      'wire: host end set up',
      'wire: done',
    ],
    DEL: ['unwire: asked', 'unwire: done'],
  },
} as const;

export type Step = (typeof steps)['agent' | 'worker']['ADD' | 'DEL'][number];

/** Libraries that take steps of their own publish on it as well. */
const taken = channel('caracal:step');

export function reached(step: Step): void {
  if (taken.hasSubscribers) taken.publish(step);
}

/** Listens in this thread, where the environment asks for it. */
export function listenToSteps(environment: Readonly<Record<string, string | undefined>>): void {
  const { CARACAL_TRACE: trace, CARACAL_FAULT: fault } = environment;
  if (trace) taken.subscribe(tracer(trace));
  if (fault) taken.subscribe(killer(fault));
}

const traceFlushMs = 100;

/** Appends a line to the file for each step: nanoseconds of the monotonic clock, and the step. Written now and then, not to disturb. */
function tracer(path: string): (step: unknown) => void {
  let lines = '';
  return (step) => {
    if (lines === '') {
      setTimeout(() => {
        appendFileSync(path, lines);
        lines = '';
      }, traceFlushMs);
    }
    lines += `${process.hrtime.bigint()} ${step}\n`;
  };
}

/**
 * Kills where the file says, and removes the file first, so that it happens once and is seen to have happened: `agent 3 wire: inside`
 * kills the process with SIGKILL the third time that the step is reached; with `worker` the thread ends, as if it had crashed there.
 */
function killer(path: string): (step: unknown) => void {
  let armed = '';
  let times = 0;
  return (step) => {
    const text = readFault(path);
    if (text !== armed) times = 0;
    armed = text;
    const [victim, count, ...name] = text.trim().split(' ');
    if (name.join(' ') !== step || ++times < Number(count)) return;
    unlinkSync(path);
    if (victim === 'worker' && !isMainThread) process.exit();
    process.kill(process.pid, 'SIGKILL');
  };
}

function readFault(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
