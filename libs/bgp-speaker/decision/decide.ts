import { type DecisionInput, type DecisionStep, preferenceSteps, tieBreakingSteps } from './steps.ts';

export interface Decision {
  /** The best path, or −1. */
  readonly best: number;
  /** The paths that are as good for forwarding, the best among them. */
  readonly equal: readonly number[];
  /** The name of the step that left the best path alone; empty when there was nothing to decide. */
  readonly decidedBy: string;
}

const nothing: Decision = { best: -1, equal: [], decidedBy: '' };

/** RFC 4271 section 9.1.2: the best of the paths of one prefix, and those that share its traffic. */
export function decide(first: number, input: DecisionInput): Decision {
  const candidates: number[] = [];
  for (let path = first; path >= 0; path = input.paths.next[path]) {
    if (input.paths.exclusion[path] === 0) candidates.push(path);
  }
  if (candidates.length === 0) return nothing;
  if (candidates.length === 1) return { best: candidates[0], equal: candidates, decidedBy: '' };
  let remaining = candidates;
  let decidedBy = '';
  const apply = (step: DecisionStep) => {
    if (remaining.length === 1) return;
    remaining = keepBest(remaining, step, input);
    if (remaining.length === 1) decidedBy = step.name;
  };
  preferenceSteps.forEach(apply);
  const equal = remaining;
  tieBreakingSteps.forEach(apply);
  return { best: remaining[0], equal, decidedBy };
}

/** The best paths of a prefix in order, at most `count` of them. */
export function bestOf(first: number, input: DecisionInput, count: number): number[] {
  const chosen: number[] = [];
  let left: number[] = [];
  for (let path = first; path >= 0; path = input.paths.next[path]) {
    if (input.paths.exclusion[path] === 0) left.push(path);
  }
  if (left.length <= count) return left;
  while (chosen.length < count) {
    let remaining = left;
    for (const step of [...preferenceSteps, ...tieBreakingSteps]) {
      if (remaining.length > 1) remaining = keepBest(remaining, step, input);
    }
    const [best] = remaining;
    chosen.push(best);
    left = left.filter((path) => path !== best);
  }
  return chosen;
}

/** Why each path of a prefix is the best one, or at which step it lost (RFC 4271 section 9.1.2.2); in words, by path. */
export function explain(first: number, input: DecisionInput): Map<number, string> {
  const reasons = new Map<number, string>();
  let remaining: number[] = [];
  for (let path = first; path >= 0; path = input.paths.next[path]) {
    if (input.paths.exclusion[path] === 0) remaining.push(path);
    else reasons.set(path, 'takes no part');
  }
  let decidedBy = 'the only one';
  for (const step of [...preferenceSteps, ...tieBreakingSteps]) {
    if (remaining.length < 2) break;
    const kept = keepBest(remaining, step, input);
    for (const path of remaining) if (!kept.includes(path)) reasons.set(path, `lost: ${step.name}`);
    if (kept.length < remaining.length) decidedBy = `best: ${step.name}`;
    remaining = kept;
  }
  for (const path of remaining) reasons.set(path, decidedBy);
  return reasons;
}

function keepBest(paths: number[], { value, within }: DecisionStep, input: DecisionInput): number[] {
  // Among all paths, or for each of the groups that may be compared.
  const lowest = new Map<number, number>();
  for (const path of paths) {
    const group = within?.(path, input) ?? 0;
    const known = lowest.get(group);
    const mine = value(path, input);
    if (known === undefined || mine < known) lowest.set(group, mine);
  }
  return paths.filter((path) => value(path, input) === lowest.get(within?.(path, input) ?? 0));
}
