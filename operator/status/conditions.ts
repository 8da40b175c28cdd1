/** Conditions as Kubernetes has them (metav1.Condition). */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

type Stamped = Condition & { readonly lastTransitionTime: string };

/** The conditions to write: those whose status is as it was keep the time of their last transition. */
export function stamp(wanted: readonly Condition[], present: unknown, now: string): Stamped[] {
  const before = new Map(conditionsOf(present).map((condition) => [condition.type, condition]));
  return wanted.map((condition) => {
    const old = before.get(condition.type);
    const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : now;
    return { ...condition, message: condition.message.slice(0, 4096), lastTransitionTime };
  });
}

function conditionsOf(status: unknown): Stamped[] {
  // What we or the API server's schema put there.
  return (status as { conditions?: Stamped[] } | undefined)?.conditions ?? [];
}

/** Whether the present status says all that is wanted; fields of others do not matter. */
export function says(present: unknown, wanted: Readonly<Record<string, unknown>>): boolean {
  const given = (present ?? {}) as Record<string, unknown>; // a map of fields, by the schema
  return Object.entries(wanted).every(([field, value]) => sameValue(given[field], value));
}

function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]; // lists are compared by index
  const keys = Object.keys(right).filter((key) => right[key] !== undefined);
  return Object.keys(left).length === keys.length && keys.every((key) => sameValue(left[key], right[key]));
}
