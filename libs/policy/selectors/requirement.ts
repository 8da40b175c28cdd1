import type { Selector } from '@caracal/api';

/**
 * A condition on one label that must hold wherever a selector holds: the label has one of `values`, or, without
 * values, is present at all. Selectors are filed under one of their requirements, so that an object meets only those
 * that could select it.
 */
export interface Requirement {
  readonly key: string;
  readonly values?: readonly string[];
}

/** Every requirement that can be read off a normalised selector; each alone is a necessary condition. Empty: none. */
export function requirementsOf(selector: Selector): readonly Requirement[] {
  switch (selector.op) {
    case 'eq':
      return [{ key: selector.key, values: [selector.value] }];
    case 'in':
      return [{ key: selector.key, values: selector.values }];
    case 'has':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return [{ key: selector.key }];
    case 'and':
      return selector.of.flatMap(requirementsOf);
    case 'or':
      return commonRequirements(selector.of.map(requirementsOf));
    default:
      return [];
  }
}

/** Of alternatives: the keys that each of them requires, with the values of all. */
function commonRequirements(alternatives: readonly (readonly Requirement[])[]): readonly Requirement[] {
  const common: Requirement[] = [];
  const [first = [], ...others] = alternatives;
  for (const { key, values } of first) {
    let union = values;
    const present = others.every((other) => {
      const match = other.find((requirement) => requirement.key === key);
      union = union && match?.values ? [...new Set([...union, ...match.values])] : undefined;
      return match !== undefined;
    });
    if (present) common.push(union ? { key, values: union } : { key });
  }
  return common;
}
