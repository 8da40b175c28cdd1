import type { Selector } from '@caracal/api';
import { labelReader, type Subject } from './subject.ts';

/** Whether a selector holds for a subject. */
export type Matcher = (subject: Subject) => boolean;

/** A matcher that is compiled when it is first asked: of many policies, few are ever held against a subject. */
export function lazyMatcher(selector: Selector): Matcher {
  let matcher: Matcher | undefined;
  return (subject) => {
    matcher ??= compileMatcher(selector);
    return matcher(subject);
  };
}

/** Turns a selector into a function, so that evaluation walks no tree and looks up no operator. */
export function compileMatcher(selector: Selector): Matcher {
  switch (selector.op) {
    case 'all':
      return () => true;
    case 'global':
      return (subject) => subject.namespace === undefined;
    case 'has': {
      const read = labelReader(selector.key);
      return (subject) => read(subject) !== undefined;
    }
    case 'eq':
    case 'ne': {
      const read = labelReader(selector.key);
      const { value } = selector;
      return selector.op === 'eq' ? (subject) => read(subject) === value : (subject) => read(subject) !== value;
    }
    case 'contains':
    case 'startsWith':
    case 'endsWith': {
      const read = labelReader(selector.key);
      const { value } = selector;
      if (selector.op === 'contains') return (subject) => read(subject)?.includes(value) ?? false;
      if (selector.op === 'startsWith') return (subject) => read(subject)?.startsWith(value) ?? false;
      return (subject) => read(subject)?.endsWith(value) ?? false;
    }
    case 'in':
    case 'notIn': {
      const read = labelReader(selector.key);
      const values = new Set<string | undefined>(selector.values);
      return selector.op === 'in' ? (subject) => values.has(read(subject)) : (subject) => !values.has(read(subject));
    }
    case 'not': {
      const inner = compileMatcher(selector.of);
      return (subject) => !inner(subject);
    }
    case 'and': {
      const parts = selector.of.map(compileMatcher);
      return (subject) => {
        for (const part of parts) if (!part(subject)) return false;
        return true;
      };
    }
    case 'or': {
      const parts = selector.of.map(compileMatcher);
      return (subject) => {
        for (const part of parts) if (part(subject)) return true;
        return false;
      };
    }
  }
}
