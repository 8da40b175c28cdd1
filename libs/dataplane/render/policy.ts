import type { Family } from '@caracal/net';
import type { CompiledPolicy, Direction } from '@caracal/policy';
import type { Marks } from './marks.ts';
import { renderRule, type SetLookup } from './rule.ts';

/** Which rule can't be rendered (its index in the resource), and why. */
export interface RuleProblem {
  readonly rule: number;
  readonly message: string;
}

/** What stands in a chain that fails closed. */
export const closedRules: readonly string[] = ['-j DROP'];

/**
 * The chain of a policy in one direction. It returns with the accept mark, with the pass mark, or with neither when no
 * rule decided; what is denied is dropped. One rule that can't be rendered closes the chain.
 */
export function renderPolicy(
  policy: CompiledPolicy,
  direction: Direction,
  family: Family,
  marks: Marks,
  set: SetLookup,
): { readonly rules: readonly string[]; readonly problem?: RuleProblem } {
  const rules: string[] = [];
  for (const rule of policy[direction]) {
    const rendered = renderRule(rule, { family, marks, set, logPrefix: policy.id });
    if (!rendered.ok) {
      return { rules: closedRules, problem: { rule: rule.index, message: rendered.message } };
    }
    rules.push(...rendered.rules);
  }
  return { rules };
}
