import { formatSelector, parseSelector, type Selector } from '@caracal/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileMatcher } from './matcher.ts';
import { normalise, selectorText } from './normalise.ts';
import { requirementsOf } from './requirement.ts';
import { type Selecting, SelectorIndex } from './selector-index.ts';
import { namespaceLabels, type Subject, serviceAccountLabels } from './subject.ts';

const subject: Subject = {
  kind: 'pod',
  labels: { app: 'api', tier: 'front-end', empty: '', 'pcns.team': 'forged', 'projectcalico.org/namespace': 'forged' },
  namespace: { name: 'shop', labels: namespaceLabels('shop', { team: 'a' }) },
  serviceAccount: { name: 'robot', labels: serviceAccountLabels('robot', { role: 'ci' }) },
};
const office: Subject = { kind: 'networkSet', labels: { app: 'api' } };

function parse(text: string): Selector {
  const parsed = parseSelector(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.selector;
}

describe('evaluation', () => {
  test.each([
    ['all()', true],
    ['global()', false],
    ['has(app)', true],
    ['has(empty)', true],
    ['has(toString)', false],
    ['app == "api"', true],
    ['other == "api"', false],
    ['app != "api"', false],
    ['other != "api"', true],
    ['app in {"web", "api"}', true],
    ['other in {"web"}', false],
    ['app in {}', false],
    ['other not in {"web"}', true],
    ['app not in {"web", "api"}', false],
    ['tier contains "t-e"', true],
    ['tier starts with "front"', true],
    ['tier ends with "front"', false],
    ['other contains ""', false],
    ['!has(other) && (app == "web" || app == "api")', true],
    ['pcns.team == "a"', true],
    ['pcns.team == "forged"', false],
    ['pcns.projectcalico.org/name == "shop"', true],
    ['pcns.kubernetes.io/metadata.name == "shop"', true],
    ['pcsa.role == "ci"', true],
    ['projectcalico.org/namespace == "shop"', true],
    ['caracal.network/namespace == "shop"', true],
    ['projectcalico.org/orchestrator == "k8s"', true],
    ['projectcalico.org/serviceaccount == "robot"', true],
  ])('%s is %s', (text, expected) => {
    expect(compileMatcher(parse(text))(subject)).toBe(expected);
    expect(compileMatcher(normalise(parse(text)))(subject)).toBe(expected);
  });

  test('a network set outside namespaces is global and has no orchestrator', () => {
    const holds = (text: string) => compileMatcher(parse(text))(office);
    expect([holds('global()'), holds('has(projectcalico.org/orchestrator)'), holds('app == "api"')]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

const key = fc.constantFrom('app', 'tier', 'pcns.team', 'projectcalico.org/namespace');
const value = fc.constantFrom('api', 'web', 'a', 'shop');
const { selector } = fc.letrec<{ selector: Selector }>((tie) => ({
  selector: fc.oneof(
    { maxDepth: 3 },
    fc.record({ op: fc.constantFrom('eq', 'ne', 'contains', 'startsWith', 'endsWith'), key, value }),
    fc.record({ op: fc.constantFrom('in', 'notIn'), key, values: fc.array(value, { maxLength: 3 }) }),
    fc.record({ op: fc.constant('has'), key }),
    fc.constantFrom<Selector>({ op: 'all' }, { op: 'global' }),
    fc.record({ op: fc.constant('not'), of: tie('selector') }),
    fc.record({ op: fc.constantFrom('and', 'or'), of: fc.array(tie('selector'), { maxLength: 3 }) }),
  ) as fc.Arbitrary<Selector>, // fast-check widens the operators to string
}));
const anySubject: fc.Arbitrary<Subject> = fc
  .record({
    kind: fc.constantFrom('pod' as const, 'networkSet' as const),
    labels: fc.dictionary(fc.constantFrom('app', 'tier', 'pcns.team'), value, { maxKeys: 3 }),
    namespace: fc.option(value, { nil: undefined }),
    team: fc.option(value, { nil: undefined }),
  })
  .map(({ namespace, team, ...rest }) => ({
    ...rest,
    namespace: namespace ? { name: namespace, labels: namespaceLabels(namespace, team ? { team } : {}) } : undefined,
  }));

test('a normalised selector means the same, and is its own normal form', () => {
  fc.assert(
    fc.property(selector, anySubject, (each, one) => {
      const normal = normalise(each);
      expect(compileMatcher(normal)(one)).toBe(compileMatcher(each)(one));
      expect(selectorText(normalise(normal))).toBe(selectorText(normal));
    }),
  );
});

test.each([
  ['a == "1" && b == "2"', 'b in {"2"} && a == "1"'],
  ['a == "1" && all()', '(a == "1")'],
  ['a == "1" || all()', 'all()'],
  ['!!has(a)', 'has(a) && has(a)'],
  ['caracal.network/namespace == "x"', 'projectcalico.org/namespace == "x"'],
])('%s and %s are one', (a, b) => {
  expect(selectorText(normalise(parse(a)))).toBe(selectorText(normalise(parse(b))));
});

test.each<[string, ReturnType<typeof requirementsOf>]>([
  ['a == "1"', [{ key: 'a', values: ['1'] }]],
  ['a != "1" && has(b) && c in {"1", "2"}', [{ key: 'b' }, { key: 'c', values: ['1', '2'] }]],
  ['a == "1" || a in {"2"} || a == "3"', [{ key: 'a', values: ['1', '2', '3'] }]],
  ['a == "1" || has(a)', [{ key: 'a' }]],
  ['a == "1" || b == "1"', []],
  ['a == "1" || a == "2" || b == "1"', []],
  ['!has(a)', []],
])('%s requires %j', (text, expected) => {
  expect(requirementsOf(parse(text))).toEqual(expected);
});

test('the index finds exactly what selects, after any additions and removals', () => {
  const item = selector.map((each): Selecting & { text: string } => {
    const normal = normalise(each);
    return { matcher: compileMatcher(normal), requirements: requirementsOf(normal), text: formatSelector(normal) };
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(item, fc.boolean()), { maxLength: 30 }), anySubject, (items, one) => {
      const index = new SelectorIndex<Selecting & { text: string }>();
      for (const [each] of items) index.add(each);
      for (const [each, stays] of items) if (!stays) index.delete(each);
      const expected = items.flatMap(([each, stays]) => (stays && each.matcher(one) ? [each.text] : []));
      expect(
        index
          .matching(one)
          .map(({ text }) => text)
          .sort(),
      ).toEqual(expected.sort());
    }),
  );
});

test('selectors spread over the drawers that they could share', () => {
  let asked = 0;
  const index = new SelectorIndex<Selecting>();
  for (let i = 0; i < 1000; i++) {
    const requirements = requirementsOf(parse(`projectcalico.org/orchestrator == "k8s" && app == "app-${i}"`));
    const matcher = () => {
      asked++;
      return false;
    };
    index.add({ matcher, requirements });
  }
  index.matching({ ...subject, labels: { app: 'app-1' } });
  expect(asked).toBeLessThanOrEqual(3);
});
