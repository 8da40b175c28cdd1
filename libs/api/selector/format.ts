import type { Selector } from './ast.ts';

const valueOperators = {
  eq: '==',
  ne: '!=',
  contains: 'contains',
  startsWith: 'starts with',
  endsWith: 'ends with',
} as const;

/** How tightly a form binds: an operand weaker than its surroundings is put in parentheses. */
const strength = { or: 0, and: 1, unary: 2 } as const;

/**
 * The canonical text of a selector: one space around operators, double quotes where possible, values of `in` sorted, as few parentheses as
 * possible. Trees that differ only by nesting of `and` in `and`, operands of which there is one, or double negation have the same text, which
 * parses back to the same meaning. Throws on a value that holds both sorts of quotes: the grammar has no escapes, so no text gives that value.
 */
export function formatSelector(selector: Selector): string {
  return format(simplify(selector), strength.or);
}

function format(selector: Selector, around: number): string {
  switch (selector.op) {
    case 'all':
      return 'all()';
    case 'global':
      return 'global()';
    case 'has':
      return `has(${selector.key})`;
    case 'eq':
    case 'ne':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return `${selector.key} ${valueOperators[selector.op]} ${quote(selector.value)}`;
    case 'in':
    case 'notIn': {
      const values = [...new Set(selector.values)].sort().map(quote).join(', ');
      return `${selector.key} ${selector.op === 'in' ? 'in' : 'not in'} {${values}}`;
    }
    case 'not': {
      const bare = ['all', 'global', 'has', 'and', 'or'].includes(selector.of.op);
      return bare ? `!${format(selector.of, strength.unary)}` : `!(${format(selector.of, strength.or)})`;
    }
    case 'and':
    case 'or': {
      const own = strength[selector.op];
      const text = selector.of.map((each) => format(each, own + 1)).join(selector.op === 'and' ? ' && ' : ' || ');
      return own < around ? `(${text})` : text;
    }
  }
}

/** Nested chains made flat, chains of one replaced by it, chains of none by what they mean, double negation gone. */
function simplify(selector: Selector): Selector {
  if (selector.op === 'not') {
    const of = simplify(selector.of);
    return of.op === 'not' ? of.of : { op: 'not', of };
  }
  if (selector.op !== 'and' && selector.op !== 'or') return selector;
  const { op } = selector;
  const of = selector.of.map(simplify).flatMap((each) => (each.op === op ? each.of : [each]));
  if (of.length === 1) return of[0];
  if (of.length > 0) return { op, of };
  return op === 'and' ? { op: 'all' } : { op: 'not', of: { op: 'all' } };
}

function quote(value: string): string {
  if (!value.includes('"')) return `"${value}"`;
  if (!value.includes("'")) return `'${value}'`;
  throw new RangeError(`no selector can hold the value ${value}: it has both sorts of quotes`);
}
