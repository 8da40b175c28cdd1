/** Selectors read word by word: whether they hold, and if not, why. */
import { formatSelector, type LabelSelector, type Selector } from '@caracal/api';
import type { Labels } from '../updates.ts';

/** Labels under a name for messages: of a pod itself, of its namespace, of its service account. */
export interface LabelView {
  /** `label`, `namespace label`, … */
  readonly what: string;
  readonly read: (key: string) => string | undefined;
  /** What `all()` and `global()` mean for these labels. */
  readonly all: boolean;
  readonly global: boolean;
}

/** Why the selector does not hold for these labels; empty when it does. */
export function selectorMisses(selector: Selector, view: LabelView): string[] {
  switch (selector.op) {
    case 'and':
      return selector.of.flatMap((each) => selectorMisses(each, view));
    case 'or': {
      if (selector.of.some((each) => selectorMisses(each, view).length === 0)) return [];
      return [want(selector, selector.of.flatMap(keysOf), view)];
    }
    case 'not':
      return selectorMisses(selector.of, view).length > 0 ? [] : [want(selector, keysOf(selector.of), view)];
    default:
      return holds(selector, view) ? [] : [want(selector, keysOf(selector), view)];
  }
}

type Term = Exclude<Selector, { op: 'and' | 'or' | 'not' }>;

function holds(term: Term, view: LabelView): boolean {
  if (term.op === 'all') return view.all;
  if (term.op === 'global') return view.global;
  const value = view.read(term.key);
  switch (term.op) {
    case 'has':
      return value !== undefined;
    case 'eq':
      return value === term.value;
    case 'ne':
      return value !== term.value;
    case 'in':
      return value !== undefined && term.values.includes(value);
    case 'notIn':
      return value === undefined || !term.values.includes(value);
    case 'contains':
      return value?.includes(term.value) ?? false;
    case 'startsWith':
      return value?.startsWith(term.value) ?? false;
    case 'endsWith':
      return value?.endsWith(term.value) ?? false;
  }
}

/** Why Kubernetes' label selector does not hold; empty when it does. */
export function labelSelectorMisses(selector: LabelSelector, view: LabelView): string[] {
  const terms: Selector[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    op: 'eq',
    key,
    value,
  }));
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (operator === 'In') terms.push({ op: 'in', key, values });
    if (operator === 'NotIn') terms.push({ op: 'notIn', key, values });
    if (operator === 'Exists') terms.push({ op: 'has', key });
    if (operator === 'DoesNotExist') terms.push({ op: 'not', of: { op: 'has', key } });
  }
  return terms.flatMap((term) => selectorMisses(term, view));
}

/** The labels of an object, plainly. */
export function viewOf(what: string, labels: Labels): LabelView {
  return { what, read: (key) => (Object.hasOwn(labels, key) ? labels[key] : undefined), all: true, global: false };
}

function want(selector: Selector, keys: readonly string[], view: LabelView): string {
  const facts = [...new Set(keys)].map((key) => {
    const value = view.read(key);
    return value === undefined ? `there is no ${view.what} ${key}` : `${view.what} ${key} is ${JSON.stringify(value)}`;
  });
  return `${facts.join(' and ') || `it has no ${view.what}s`}, the rule wants ${selectorWords(selector)}`;
}

/** The selector's text; values that the grammar cannot hold are named by key only. */
function selectorWords(selector: Selector): string {
  try {
    return formatSelector(selector);
  } catch {
    return `another ${keysOf(selector).join(', ')}`;
  }
}

function keysOf(selector: Selector): string[] {
  if (selector.op === 'and' || selector.op === 'or') return selector.of.flatMap(keysOf);
  if (selector.op === 'not') return keysOf(selector.of);
  return 'key' in selector ? [selector.key] : [];
}
