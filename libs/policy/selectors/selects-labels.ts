import { parseSelector } from '@caracal/api';
import type { Labels } from '../updates.ts';
import { compileMatcher, type Matcher } from './matcher.ts';

const matchers = new Map<string, Matcher>();

/**
 * Whether a selector, as text, holds for plain labels, such as those of a node. A selector that does not parse selects
 * nothing. Matchers are kept: configuration holds few different selectors.
 */
export function selectsLabels(selector: string, labels: Labels): boolean {
  let matcher = matchers.get(selector);
  if (!matcher) {
    const parsed = parseSelector(selector);
    matcher = parsed.ok ? compileMatcher(parsed.selector) : () => false;
    matchers.set(selector, matcher);
  }
  return matcher({ kind: 'networkSet', labels });
}
