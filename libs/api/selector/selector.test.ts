import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatSelector, parseSelector, type Selector } from './index.ts';

const rightTable: readonly (readonly [string, Selector, string])[] = [
  ['', { op: 'all' }, 'all()'],
  [' \t', { op: 'all' }, 'all()'],
  ['all()', { op: 'all' }, 'all()'],
  ['all( )', { op: 'all' }, 'all()'],
  ['global()', { op: 'global' }, 'global()'],
  ['a == "b"', { op: 'eq', key: 'a', value: 'b' }, 'a == "b"'],
  ["a=='b'", { op: 'eq', key: 'a', value: 'b' }, 'a == "b"'],
  [`a == 'say "x"'`, { op: 'eq', key: 'a', value: 'say "x"' }, `a == 'say "x"'`],
  ['a != ""', { op: 'ne', key: 'a', value: '' }, 'a != ""'],
  [
    'app.kubernetes.io/name == "x y"',
    { op: 'eq', key: 'app.kubernetes.io/name', value: 'x y' },
    'app.kubernetes.io/name == "x y"',
  ],
  ['a in {"c", \'b\', "c"}', { op: 'in', key: 'a', values: ['b', 'c'] }, 'a in {"b", "c"}'],
  ['a in{"b",}', { op: 'in', key: 'a', values: ['b'] }, 'a in {"b"}'],
  ['a in {}', { op: 'in', key: 'a', values: [] }, 'a in {}'],
  ['a not  in {"b"}', { op: 'notIn', key: 'a', values: ['b'] }, 'a not in {"b"}'],
  ['has(a/b)', { op: 'has', key: 'a/b' }, 'has(a/b)'],
  ['has( a )', { op: 'has', key: 'a' }, 'has(a)'],
  ['! has(a)', { op: 'not', of: { op: 'has', key: 'a' } }, '!has(a)'],
  ['!!has(a)', { op: 'has', key: 'a' }, 'has(a)'],
  ['!(!has(a))', { op: 'has', key: 'a' }, 'has(a)'],
  ['a contains "b"', { op: 'contains', key: 'a', value: 'b' }, 'a contains "b"'],
  ['a starts with "b"', { op: 'startsWith', key: 'a', value: 'b' }, 'a starts with "b"'],
  ['a ends with "b"', { op: 'endsWith', key: 'a', value: 'b' }, 'a ends with "b"'],
  // Words are operators only after a label.
  ['in in {"in"}', { op: 'in', key: 'in', values: ['in'] }, 'in in {"in"}'],
  ['has == "all"', { op: 'eq', key: 'has', value: 'all' }, 'has == "all"'],
  [
    'has(a) || has(b) && !has(c)',
    {
      op: 'or',
      of: [
        { op: 'has', key: 'a' },
        {
          op: 'and',
          of: [
            { op: 'has', key: 'b' },
            { op: 'not', of: { op: 'has', key: 'c' } },
          ],
        },
      ],
    },
    'has(a) || has(b) && !has(c)',
  ],
  [
    '(has(a) || has(b)) && (has(c) && has(d))',
    {
      op: 'and',
      of: [
        {
          op: 'or',
          of: [
            { op: 'has', key: 'a' },
            { op: 'has', key: 'b' },
          ],
        },
        { op: 'has', key: 'c' },
        { op: 'has', key: 'd' },
      ],
    },
    '(has(a) || has(b)) && has(c) && has(d)',
  ],
  ['!a == "b"', { op: 'not', of: { op: 'eq', key: 'a', value: 'b' } }, '!(a == "b")'],
  [
    '!(has(a) && has(b))',
    {
      op: 'not',
      of: {
        op: 'and',
        of: [
          { op: 'has', key: 'a' },
          { op: 'has', key: 'b' },
        ],
      },
    },
    '!(has(a) && has(b))',
  ],
];

const wrongTable: readonly (readonly [string, number, string])[] = [
  ['role = "db"', 5, 'a single = is no operator; write =='],
  ['has(a) & has(b)', 7, 'a single & is no operator; write &&'],
  ['has(a) | has(b)', 7, 'a single | is no operator; write ||'],
  ['role == db', 8, 'a value stands in quotes: write "db"'],
  ['role == "db', 8, 'the value that begins here has no closing "'],
  ['role ==', 7, 'expected a value in quotes after ==, not the end of the text'],
  ['role', 4, 'the label role needs a condition: has(role), role == "value", role in {"a", "b"}'],
  [
    'role is "db"',
    5,
    'expected an operator after the label role (==, !=, in, not in, contains, starts with, ends with), not is',
  ],
  ['role in "db"', 8, 'expected { after in, not "db"'],
  ['role in {"a" "b"}', 13, 'expected , or }, not "b"'],
  ['role in {a}', 9, 'a value stands in quotes: write "a"'],
  ['role in {"a"', 12, 'expected , or }, not the end of the text'],
  ['has(role', 8, 'expected ) after has(role, not the end of the text'],
  ['has()', 4, 'expected a label name in has(), not )'],
  ['all(x)', 4, 'expected ) after all(, not x'],
  ['(has(a)', 7, 'expected ) for the ( at character 1, not the end of the text'],
  ['has(a))', 6, 'expected && or || or the end, not )'],
  ['has(a) has(b)', 7, 'expected && or || or the end, not has('],
  ['has(a) &&', 9, 'expected a label, has(…), all(), ! or (, not the end of the text'],
  ['has(a) && §', 10, '"§" cannot stand here'],
  ['"a" == "b"', 0, 'expected a label, has(…), all(), ! or (, not "a"'],
  [`${'('.repeat(101)}has(a)${')'.repeat(101)}`, 100, 'more than 100 nested parentheses'],
  [`${'a'.repeat(513)} == "b"`, 0, 'a label name has at most 512 characters'],
];

describe('parseSelector', () => {
  test.each(rightTable)('%s', (text, selector, canonical) => {
    expect(parseSelector(text)).toEqual({ ok: true, selector });
    expect(formatSelector(selector)).toBe(canonical);
  });

  test.each(wrongTable)('%s is wrong at %i', (text, offset, message) => {
    expect(parseSelector(text)).toEqual({ ok: false, message, offset });
  });

  test('never throws, and an offset lies within the text', () => {
    const pieces = [
      'has(',
      'all()',
      '(',
      ')',
      '{',
      '}',
      '"',
      "'",
      '==',
      '!=',
      '!',
      '&&',
      '||',
      'a',
      ' in ',
      ',',
      ' ',
      '§',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 20 }), (parts) => {
        const text = parts.join('');
        const parsed = parseSelector(text);
        if (!parsed.ok) expect(parsed.offset).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

const key = fc.stringMatching(/^[a-zA-Z0-9_./-]{1,12}$/);
const value = fc.oneof(fc.stringMatching(/^[a-z "=]{0,6}$/), fc.stringMatching(/^[A-Z '&]{0,6}$/));
const { tree } = fc.letrec<{ tree: Selector }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ op: fc.constantFrom('all' as const, 'global' as const) }),
    fc.record({ op: fc.constant('has' as const), key }),
    fc.record({ op: fc.constantFrom('eq', 'ne', 'contains', 'startsWith', 'endsWith'), key, value }),
    fc.record({ op: fc.constantFrom('in', 'notIn'), key, values: fc.array(value, { maxLength: 3 }) }),
    fc.record({ op: fc.constant('not' as const), of: tie('tree') }),
    fc.record({ op: fc.constantFrom('and', 'or'), of: fc.array(tie('tree'), { maxLength: 3 }) }),
  ),
}));

/** The meaning, written the plainest way, to compare a tree with what its text parses to. */
function holds(selector: Selector, labels: ReadonlyMap<string, string>): boolean {
  switch (selector.op) {
    case 'all':
      return true;
    case 'global':
      return labels.has('global');
    case 'has':
      return labels.has(selector.key);
    case 'eq':
      return labels.get(selector.key) === selector.value;
    case 'ne':
      return labels.get(selector.key) !== selector.value;
    case 'contains':
      return labels.get(selector.key)?.includes(selector.value) ?? false;
    case 'startsWith':
      return labels.get(selector.key)?.startsWith(selector.value) ?? false;
    case 'endsWith':
      return labels.get(selector.key)?.endsWith(selector.value) ?? false;
    case 'in':
      return labels.has(selector.key) && selector.values.includes(labels.get(selector.key)!);
    case 'notIn':
      return !labels.has(selector.key) || !selector.values.includes(labels.get(selector.key)!);
    case 'not':
      return !holds(selector.of, labels);
    case 'and':
      return selector.of.every((each) => holds(each, labels));
    case 'or':
      return selector.of.some((each) => holds(each, labels));
  }
}

/** Labels that make some of the tree's conditions true: keys and values are those of the tree itself. */
function labelsFor(selector: Selector, choose: () => boolean, into = new Map<string, string>()): Map<string, string> {
  if (selector.op === 'and' || selector.op === 'or') for (const each of selector.of) labelsFor(each, choose, into);
  else if (selector.op === 'not') labelsFor(selector.of, choose, into);
  else if ('key' in selector && choose()) {
    into.set(
      selector.key,
      'value' in selector ? selector.value : 'values' in selector ? (selector.values[0] ?? '') : '',
    );
  }
  return into;
}

describe('formatSelector', () => {
  test('what it writes parses, means the same, and is a fixed point', () => {
    fc.assert(
      fc.property(tree, fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), (selector, coins) => {
        const text = formatSelector(selector);
        const parsed = parseSelector(text);
        if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`);
        expect(formatSelector(parsed.selector)).toBe(text);
        let flips = 0;
        const labels = labelsFor(selector, () => coins[flips++ % coins.length]);
        expect(holds(parsed.selector, labels)).toBe(holds(selector, labels));
      }),
      { numRuns: 500 },
    );
  });

  test('refuses a value that no text can give', () => {
    expect(() => formatSelector({ op: 'eq', key: 'a', value: `'"` })).toThrow('both sorts of quotes');
  });
});
