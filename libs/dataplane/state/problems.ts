import type { Direction } from '@caracal/policy';

/**
 * Something that is not enforced as it was asked for, and drops all packets that it should have decided instead. The
 * object is a policy, an endpoint, or a set (whose policies have problems of their own).
 */
export interface DataplaneProblem {
  readonly object: { readonly kind: 'policy' | 'endpoint' | 'set'; readonly id: string };
  readonly direction?: Direction;
  /** Index of the rule in the policy's resource, when it is one rule's fault. */
  readonly rule?: number;
  readonly message: string;
}

/** One line for people: `policy knp/shop/db, egress rule 2: …`. */
export function formatProblem({ object, direction, rule, message }: DataplaneProblem): string {
  const where = direction ? `, ${direction}${rule === undefined ? '' : ` rule ${rule}`}` : '';
  return `${object.kind} ${object.id}${where}: ${message}`;
}
