import type { Selector } from '@caracal/api';
import { canonicalKey, namespaceKey, namespacePrefix, serviceAccountKey, serviceAccountPrefix } from './subject.ts';

/**
 * The same meaning in one spelling: nested chains flat, operands sorted and distinct, `all()` and double negation gone,
 * one key for labels that have several. Two selectors that differ only so have the same {@link selectorText}.
 */
export function normalise(selector: Selector): Selector {
  switch (selector.op) {
    case 'all':
    case 'global':
      return selector;
    case 'in':
    case 'notIn': {
      const key = canonicalKey(selector.key);
      const values = [...new Set(selector.values)].sort();
      if (values.length === 1) return { op: selector.op === 'in' ? 'eq' : 'ne', key, value: values[0] };
      return { op: selector.op, key, values };
    }
    case 'not': {
      const of = normalise(selector.of);
      return of.op === 'not' ? of.of : { op: 'not', of };
    }
    case 'and':
    case 'or':
      return normaliseChain(selector.op, selector.of);
    default:
      return { ...selector, key: canonicalKey(selector.key) };
  }
}

const nothing: Selector = { op: 'not', of: { op: 'all' } };

function normaliseChain(op: 'and' | 'or', operands: readonly Selector[]): Selector {
  const flat = operands.map(normalise).flatMap((each) => (each.op === op ? each.of : [each]));
  if (op === 'or' && flat.some((each) => each.op === 'all')) return { op: 'all' };
  const distinct = new Map<string, Selector>();
  for (const each of flat) if (op === 'or' || each.op !== 'all') distinct.set(selectorText(each), each);
  const of = [...distinct].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
  if (of.length === 1) return of[0];
  if (of.length === 0) return op === 'and' ? { op: 'all' } : nothing;
  return { op, of };
}

/**
 * A text that is equal for equal trees and different for different ones. Unlike the grammar's, it can hold any value;
 * it is for keys and hashes, not for people.
 */
export function selectorText(selector: Selector): string {
  switch (selector.op) {
    case 'all':
    case 'global':
      return selector.op;
    case 'has':
      return `has ${selector.key}`;
    case 'in':
    case 'notIn':
      return `${selector.key} ${selector.op} ${JSON.stringify(selector.values)}`;
    case 'not':
      return `not (${selectorText(selector.of)})`;
    case 'and':
    case 'or':
      return `${selector.op} (${selector.of.map(selectorText).join(', ')})`;
    default:
      return `${selector.key} ${selector.op} ${JSON.stringify(selector.value)}`;
  }
}

/** Both hold; `all()` for none. */
export function allOf(selectors: readonly Selector[]): Selector {
  return normalise({ op: 'and', of: selectors });
}

/**
 * A selector over the labels of a namespace or a service account, rewritten to one over the objects in it. What has no
 * such parent is selected only by a selector that speaks of `global()`.
 */
export function parentSelector(selector: Selector, parent: 'namespace' | 'serviceAccount'): Selector {
  const [prefix, ownKey] =
    parent === 'namespace' ? [namespacePrefix, namespaceKey] : [serviceAccountPrefix, serviceAccountKey];
  const rewritten = prefixKeys(selector, prefix, ownKey);
  return mentionsGlobal(selector) ? rewritten : { op: 'and', of: [{ op: 'has', key: ownKey }, rewritten] };
}

/** Whether `global()` occurs anywhere in the selector. */
function mentionsGlobal(selector: Selector): boolean {
  if (selector.op === 'and' || selector.op === 'or') return selector.of.some(mentionsGlobal);
  return selector.op === 'not' ? mentionsGlobal(selector.of) : selector.op === 'global';
}

/** Keys get the prefix, `all()` and `global()` become a statement about the label that names the parent. */
function prefixKeys(selector: Selector, prefix: string, ownKey: string): Selector {
  switch (selector.op) {
    case 'all':
      return { op: 'has', key: ownKey };
    case 'global':
      return { op: 'not', of: { op: 'has', key: ownKey } };
    case 'not':
      return { op: 'not', of: prefixKeys(selector.of, prefix, ownKey) };
    case 'and':
    case 'or':
      return { op: selector.op, of: selector.of.map((each) => prefixKeys(each, prefix, ownKey)) };
    default:
      return { ...selector, key: prefix + selector.key };
  }
}
