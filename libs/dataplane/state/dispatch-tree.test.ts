import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DispatchTree } from './dispatch-tree.ts';

const letter = fc.constantFrom('0', '1', 'a');
const name = fc.array(letter, { maxLength: 11 }).map((letters) => `cara${letters.join('')}`);

const shape = (tree: DispatchTree) =>
  new Map(
    [...tree.prefixes()].sort().map((prefix) => {
      const { interfaces = [], children = [] } = tree.node(prefix) ?? {};
      return [prefix, { interfaces: [...interfaces].sort(), children: [...children].sort() }];
    }),
  );

/** Where a packet of the interface ends: its own chain, or undefined for the DROP at the end of a node. */
function find(tree: DispatchTree, interfaceName: string): string | undefined {
  let prefix: string | undefined = 'cara';
  while (prefix !== undefined) {
    const node = tree.node(prefix);
    if (node?.interfaces.includes(interfaceName)) return interfaceName;
    prefix = node?.children.find((child) => interfaceName.startsWith(child));
  }
  return undefined;
}

test('names are found, others are not, whatever came and went; changes are told; the shape has no history but for the order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), name), { maxLength: 120 }),
      fc.array(name, { maxLength: 20 }),
      (steps, others) => {
        const tree = new DispatchTree();
        const names = new Set<string>();
        for (const [add, each] of steps) {
          const before = shape(tree);
          const changed = add ? tree.add(each) : tree.remove(each);
          if (add) names.add(each);
          else names.delete(each);
          const after = shape(tree);
          for (const prefix of new Set([...before.keys(), ...after.keys()])) {
            if (!changed.has(prefix)) expect(after.get(prefix)).toEqual(before.get(prefix));
          }
        }
        for (const each of [...names, ...others]) expect(find(tree, each)).toBe(names.has(each) ? each : undefined);
        for (const node of shape(tree).values()) {
          expect((node?.interfaces.length ?? 0) + (node?.children.length ?? 0)).toBeLessThanOrEqual(17);
        }
        const fresh = new DispatchTree();
        for (const each of [...names].sort()) fresh.add(each);
        expect(shape(tree)).toEqual(shape(fresh));
      },
    ),
    { numRuns: 200 },
  );
});

test('what comes last stands first, so that its rule is inserted at the front', () => {
  const tree = new DispatchTree();
  for (const each of ['cara1', 'cara3', 'cara2']) tree.add(each);
  expect(tree.node('cara')?.interfaces).toEqual(['cara2', 'cara3', 'cara1']);
});

test('adding to a thousand changes the way to the new one alone', () => {
  const tree = new DispatchTree();
  for (let i = 0; i < 1000; i++) tree.add(`cara${((i * 2654435761) % 2 ** 32).toString(16).padStart(11, '0')}`);
  expect(tree.add('carafffffffffff').size).toBeLessThanOrEqual(3);
});
