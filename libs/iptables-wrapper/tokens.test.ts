import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalRule, canonicalRuleText } from './canonical.ts';
import { quoteArgument, splitArguments } from './tokens.ts';

test('arguments come back as they were quoted', () => {
  const argument = fc.string({ unit: fc.constantFrom(...'ab -_"\\:/!,+'), minLength: 0, maxLength: 12 });
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 6 }), (args) => {
      expect(splitArguments(args.map(quoteArgument).join(' '))).toEqual(args);
    }),
  );
});

test.each([
  ['-p igmp -j DROP', '-p 2 -j DROP'],
  ['! -p icmpv6 -j DROP', '! -p ipv6-icmp -j DROP'],
  ['-p 200 -j LOG --log-prefix "a \\"b "', '-p 200 -j LOG --log-prefix "a \\"b "'],
  ['-m comment --comment "abc" -j cara-x', '-m comment --comment abc -j cara-x'],
])('%s is %s', (printed, canonical) => {
  expect(canonicalRuleText(printed)).toBe(canonical);
  expect(canonicalRule(splitArguments(canonical))).toBe(canonical);
});
