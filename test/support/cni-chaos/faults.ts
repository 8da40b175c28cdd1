// Every place at which an ADD or a DEL can be killed: the steps that stub, agent and wiring worker take, by their own names.
import { readFileSync } from 'node:fs';
import { steps } from '../../../apps/agent/steps.ts';

export interface Fault {
  /** Who is killed: every second executable, the agent with all its threads, or the thread that wires pods alone. */
  readonly victim: 'stub' | 'agent' | 'worker';
  readonly command: 'ADD' | 'DEL';
  readonly step: string;
  /** Of the pods that are added or removed at once, at which one the step is fatal. */
  readonly pod: 'first' | 'middle' | 'last';
  /** The agent is away when the command comes. */
  readonly agentAway?: boolean;
}

const commands = ['ADD', 'DEL'] as const;
const pods = ['first', 'middle', 'last'] as const;
/** Taken for all at once that have gathered, so the first may be the last. */
const gathered: readonly string[] = ['journal: being written', 'rules: sets written'];

/** Those of the executable, as its source names them. */
function stubSteps(): string[] {
  const source = readFileSync(new URL('../../../apps/cni/stub.c', import.meta.url), 'utf8');
  return [...source.matchAll(/reached\("([^"]+)"\)/g)].map(([, step]) => step);
}

/** All of them, in a fixed order. */
export function allFaults(): Fault[] {
  const faults: Fault[] = [];
  for (const command of commands) {
    for (const step of stubSteps()) {
      const spools = step.startsWith('spool:');
      if (spools && command === 'ADD') continue;
      faults.push({ victim: 'stub', command, step, pod: 'first', ...(spools && { agentAway: true }) });
    }
    const { agent, worker } = steps;
    for (const pod of pods) {
      for (const step of [...agent[command], ...worker[command]]) {
        if (pod === 'first' || !gathered.includes(step)) faults.push({ victim: 'agent', command, step, pod });
      }
      for (const step of worker[command]) faults.push({ victim: 'worker', command, step, pod });
    }
  }
  return faults;
}
