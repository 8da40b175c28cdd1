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

/** Used again for every step. */
const values: number[] = [];

function keepBest(paths: number[], step: DecisionStep, input: DecisionInput): number[] {
  let lowest = Number.POSITIVE_INFINITY;
  let count = 0;
  for (let i = 0; i < paths.length; i++) {
    const mine = step.value(paths[i], input);
    values[i] = mine;
    if (mine < lowest) {
      lowest = mine;
      count = 1;
    } else if (mine === lowest) count++;
  }
  // Mostly all are equal, and then in every group as well.
  if (count === paths.length) return paths;
  return step.within ? bestOfGroups(paths, step.within, input) : paths.filter((_, i) => values[i] === lowest);
}

/** The best of each of the groups that may be compared, by `values`. */
function bestOfGroups(paths: number[], within: NonNullable<DecisionStep['within']>, input: DecisionInput): number[] {
  const lowest = new Map<number, number>();
  const groups = paths.map((path) => within(path, input));
  for (const [i, group] of groups.entries()) lowest.set(group, Math.min(lowest.get(group) ?? values[i], values[i]));
  return paths.filter((_, i) => values[i] === lowest.get(groups[i]));
}
