import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diffTable, incrementOf } from './diff.ts';
import { ruleTarget, type SavedTable } from './save.ts';
import { buildTransaction, isEmptyEdit } from './transaction.ts';

const owns = (chain: string) => chain.startsWith('own-');

/** What iptables-restore --noflush makes of a transaction: an interpreter of the lines that we write. */
function restore(table: SavedTable, lines: readonly string[]): Map<string, { policy?: string; rules: string[] }> {
  const chains = new Map([...table].map(([name, { policy, rules }]) => [name, { policy, rules: [...rules] }]));
  const rulesOf = (name: string) => {
    const chain = chains.get(name);
    if (!chain) throw new Error(`no chain ${name}`);
    return chain.rules;
  };
  const checkTarget = (rule: string) => {
    const target = ruleTarget(rule) ?? '';
    if (/^(own|other)-/.test(target)) rulesOf(target);
  };
  for (const line of lines) {
    const [, command, name, rest = ''] = /^(\S)(?:\w )?(\S+) ?(.*)$/.exec(line) ?? [];
    if (line.startsWith('*') || line === 'COMMIT') continue;
    if (command === ':') {
      chains.set(name, { policy: undefined, rules: [] });
      continue;
    }
    const operation = line.slice(0, 2);
    if (operation === '-A') {
      checkTarget(rest);
      rulesOf(name).push(rest);
    } else if (operation === '-I') {
      const [, position, rule] = /^(\d+) (.*)$/.exec(rest) ?? [];
      checkTarget(rule);
      expect(Number(position)).toBeLessThanOrEqual(rulesOf(name).length + 1);
      rulesOf(name).splice(Number(position) - 1, 0, rule);
    } else if (operation === '-D') {
      const index = rulesOf(name).indexOf(rest);
      if (index < 0) throw new Error(`no rule ${rest} in ${name}`);
      rulesOf(name).splice(index, 1);
    } else if (operation === '-X') {
      expect(rulesOf(name)).toEqual([]);
      for (const chain of chains.values()) {
        for (const rule of chain.rules) if (ruleTarget(rule) === name) throw new Error(`${name} is in use by ${rule}`);
      }
      chains.delete(name);
    } else throw new Error(`line not understood: ${line}`);
  }
  return chains;
}

const ownNames = ['own-a', 'own-b', 'own-c', 'own-d'];
const matches = ['', '-s 10.0.0.1/32 ', '-i x+ '];
const ruleTo = (targets: string[]) =>
  fc.tuple(fc.constantFrom(...matches), fc.constantFrom(...targets)).map(([match, target]) => `${match}-j ${target}`);

/** Our chains as somebody or something left them: any subset, with any rules among themselves. */
const ownChains = fc
  .uniqueArray(fc.constantFrom(...ownNames), { maxLength: 4 })
  .chain((names) =>
    fc
      .tuple(...names.map(() => fc.array(ruleTo([...names, 'DROP', 'RETURN']), { maxLength: 4 })))
      .map((rules) => new Map(names.map((name, index) => [name, rules[index]]))),
  );

const current: fc.Arbitrary<SavedTable> = ownChains.chain((own) => {
  const targets = ['DROP', 'other-x', ...own.keys()];
  const foreignRules = fc.array(ruleTo(targets), { maxLength: 5 });
  return fc.tuple(foreignRules, foreignRules, foreignRules).map(([input, forward, other]) => {
    const table = new Map<string, { policy: string | undefined; rules: readonly string[] }>();
    table.set('INPUT', { policy: 'ACCEPT', rules: input });
    table.set('FORWARD', { policy: 'DROP', rules: forward });
    table.set('other-x', { policy: undefined, rules: other });
    for (const [name, rules] of own) table.set(name, { policy: undefined, rules });
    return table;
  });
});

const desired = ownChains.map((chains) => ({
  table: 'filter' as const,
  chains: new Map([...chains, ['own-root', ['-j DROP']]]),
  jumps: new Map([['FORWARD', '-j own-root']]),
}));

test('an edit makes our part equal to the desired one and touches nothing else', () => {
  fc.assert(
    fc.property(current, desired, (table, wanted) => {
      const edit = diffTable(table, wanted, owns);
      const after = restore(table, buildTransaction([edit]).lines);
      const ours = [...after].filter(([name]) => owns(name)).map(([name, { rules }]) => [name, rules]);
      expect(new Map(ours as [string, string[]][])).toEqual(wanted.chains);
      expect(after.get('FORWARD')?.rules[0]).toBe('-j own-root');
      for (const name of ['INPUT', 'FORWARD', 'other-x']) {
        const foreign = (rules: readonly string[] = []) => rules.filter((rule) => !owns(ruleTarget(rule) ?? ''));
        expect(foreign(after.get(name)?.rules)).toEqual(foreign(table.get(name)?.rules));
        const jumps = after.get(name)?.rules.filter((rule) => owns(ruleTarget(rule) ?? ''));
        expect(jumps).toEqual(name === 'FORWARD' ? ['-j own-root'] : []);
      }
      const saved = new Map([...after].map(([name, { policy, rules }]) => [name, { policy, rules }]));
      expect(isEmptyEdit(diffTable(saved, wanted, owns))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('a table that the kernel does not have yet is made', () => {
  const wanted = { table: 'nat' as const, chains: new Map([['own-a', ['-j MASQUERADE']]]), jumps: new Map() };
  expect(buildTransaction([diffTable(undefined, wanted, owns)]).lines).toEqual([
    '*nat',
    ':own-a - [0:0]',
    '-A own-a -j MASQUERADE',
    'COMMIT',
  ]);
});

const rules = fc.array(fc.constantFrom<string>('-j a', '-j b', '-j c', '-j d', '-j e'), { maxLength: 6 });
const edited = fc.tuple(
  rules,
  fc.array(fc.tuple(fc.nat(6), fc.option(fc.constantFrom('-j a', '-j x'))), { maxLength: 5 }),
);

test('an increment makes one chain the other, with as many lines as rules that come or go', () => {
  fc.assert(
    fc.property(edited, fc.boolean(), ([some, changes], backwards) => {
      const others = [...some];
      for (const [at, rule] of changes) others.splice(at, 0, ...(rule === null ? [] : [rule]));
      const [before, after] = backwards ? [others, some] : [some, others];
      const increment = incrementOf(before, after);
      const repeated = before.length > after.length && new Set(before).size < before.length;
      if (Math.abs(after.length - before.length) <= 4 && !repeated) expect(increment).toBeDefined();
      if (!increment) return;
      const chains = new Map([['own-a', after]]);
      const increments = new Map([['own-a', increment]]);
      const edit = {
        table: 'filter',
        chains,
        increments,
        removedChains: [],
        deletedRules: [],
        insertedRules: [],
      } as const;
      const { lines } = buildTransaction([edit]);
      expect(lines.length).toBe(2 + Math.abs(after.length - before.length));
      const table = new Map([['own-a', { policy: undefined, rules: before }]]);
      expect(restore(table, lines).get('own-a')?.rules).toEqual(after);
    }),
    { numRuns: 500 },
  );
});

test('no increment where rules are exchanged, or many come', () => {
  expect(incrementOf(['-j a', '-j b'], ['-j b', '-j a'])).toBeUndefined();
  expect(incrementOf([], ['-j a', '-j b', '-j c', '-j d', '-j e'])).toBeUndefined();
  expect(incrementOf(['-j a', '-j b', '-j a'], ['-j b', '-j a'])).toBeUndefined();
});
