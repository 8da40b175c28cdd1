import { type CompiledEndpoint, type CompiledPolicy, noChange, type Rule } from '@caracal/policy';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { marksOf } from '../render/marks.ts';
import { isDispatchChain } from '../render/names.ts';
import { DesiredState } from './desired-state.ts';
import { formatProblem } from './problems.ts';

const marks = marksOf(0xffff0000);
const rule = (fields: Partial<Rule>): Rule => ({ action: 'Allow', source: {}, destination: {}, index: 0, ...fields });
const tier = (...policies: string[]) => [{ name: 'default', policies, defaultAction: 'Deny' as const }];
const endpoint = (n: number, fields: Partial<CompiledEndpoint> = {}): CompiledEndpoint => ({
  id: `c${n}/eth0`,
  interfaceName: `cara${n.toString(16).padStart(11, '0')}`,
  addresses: [`10.65.0.${n}`],
  ingress: [],
  egress: [],
  ...fields,
});
const set = (id: string, added: string[] = []) => ({
  definition: { id, type: 'net' as const, family: 4 as const },
  added,
  removed: [],
});
/** The rules of the dispatch tree, which exclude each other, stand in the order in which interfaces came; the DROP behind them stays last. */
const inOrder = (chain: string, rules: readonly string[] = []) =>
  isDispatchChain(chain) ? [...rules.slice(0, -1).sort(), ...rules.slice(-1)] : rules;
const sorted = (state: DesiredState) =>
  [...state.chains].map(([chain, rules]) => [chain, inOrder(chain, rules)]).sort(([a], [b]) => (a < b ? -1 : 1));

interface World {
  readonly sets: Set<string>;
  readonly policies: Map<string, CompiledPolicy>;
  readonly endpoints: Map<string, CompiledEndpoint>;
}

const anyPolicy = fc.record({
  id: fc.constantFrom('np/a/x', 'np/a/y', 'gnp/z'),
  ingress: fc.array(fc.constantFrom(rule({}), rule({ source: { sets: ['s1'] } })), { maxLength: 2 }),
  egress: fc.array(fc.constantFrom(rule({ action: 'Deny' }), rule({ destination: { sets: ['s2'] } })), {
    maxLength: 2,
  }),
});
const anyEndpoint = fc
  .tuple(fc.integer({ min: 1, max: 30 }), fc.subarray(['np/a/x', 'np/a/y', 'gnp/z']), fc.boolean())
  .map(([n, policies, both]) =>
    endpoint(n, { ingress: policies.length > 0 ? tier(...policies) : [], egress: both ? tier(...policies) : [] }),
  );
const anyStep = fc.record({
  set: fc.option(fc.tuple(fc.constantFrom('s1', 's2'), fc.boolean()), { nil: undefined }),
  policy: fc.option(anyPolicy, { nil: undefined }),
  removedPolicy: fc.option(fc.constantFrom('np/a/x', 'np/a/y', 'gnp/z'), { nil: undefined }),
  endpoint: fc.option(anyEndpoint, { nil: undefined }),
  removedEndpoint: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
});

test('any sequence of deltas, also ones that refer to what is not there, ends where one delta does', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
      const state = new DesiredState(4, marks);
      const world: World = { sets: new Set(), policies: new Map(), endpoints: new Map() };
      const kernel = new Map<string, readonly string[]>();
      for (const step of steps) {
        const [setId, present] = step.set ?? [];
        const removedEndpoint = step.removedEndpoint === undefined ? [] : [`c${step.removedEndpoint}/eth0`];
        state.update({
          ...noChange,
          sets: setId && present ? [set(setId)] : [],
          removedSets: setId && !present ? [setId] : [],
          policies: step.policy ? [step.policy] : [],
          endpoints: step.endpoint ? [step.endpoint] : [],
          removedEndpoints: removedEndpoint,
          removedPolicies: step.removedPolicy ? [step.removedPolicy] : [],
        });
        if (step.policy) world.policies.set(step.policy.id, step.policy);
        if (step.endpoint) world.endpoints.set(step.endpoint.id, step.endpoint);
        for (const id of removedEndpoint) world.endpoints.delete(id);
        if (step.removedPolicy) world.policies.delete(step.removedPolicy);
        if (setId && present) world.sets.add(setId);
        else if (setId) world.sets.delete(setId);
        for (const chain of state.takeChangedChains()) {
          const rules = state.chains.get(chain);
          if (rules) kernel.set(chain, rules);
          else kernel.delete(chain);
        }
      }
      const fresh = new DesiredState(4, marks);
      fresh.update({
        ...noChange,
        sets: [...world.sets].map((id) => set(id)),
        policies: [...world.policies.values()],
        endpoints: [...world.endpoints.values()],
      });
      expect(sorted(state)).toEqual(sorted(fresh));
      expect([...state.problems()].map(formatProblem).sort()).toEqual([...fresh.problems()].map(formatProblem).sort());
      // The changes that were told add up to all of it.
      for (const chain of fresh.takeChangedChains()) {
        const told = kernel.get(chain) ?? state.chains.get(chain);
        expect(inOrder(chain, told)).toEqual(inOrder(chain, fresh.chains.get(chain)));
      }
      for (const chain of kernel.keys()) expect(state.chains.has(chain)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('a new endpoint changes its own chains and the way to them, however many there are', () => {
  const state = new DesiredState(4, marks);
  const many = Array.from({ length: 250 }, (_, n) =>
    endpoint(n, { interfaceName: `cara${((n * 40503) % 65536).toString(16).padStart(4, '0')}0000000` }),
  );
  state.update({ ...noChange, policies: [{ id: 'np/a/x', ingress: [rule({})], egress: [] }], endpoints: many });
  state.takeChangedChains();
  state.update({
    ...noChange,
    endpoints: [endpoint(0, { id: 'new', interfaceName: 'cara00010000000', ingress: tier('np/a/x') })],
  });
  const changed = state.takeChangedChains();
  const rules = changed.reduce((sum, chain) => sum + (state.chains.get(chain)?.length ?? 0), 0);
  expect(changed.length).toBeLessThanOrEqual(6);
  expect(rules).toBeLessThanOrEqual(60);
});

test('a policy whose rule makes no sense is closed, alone, and named', () => {
  const state = new DesiredState(4, marks);
  state.update({
    ...noChange,
    policies: [
      {
        id: 'np/a/bad',
        ingress: [rule({}), rule({ destination: { ports: [{ first: 1, last: 1 }] }, index: 4 })],
        egress: [rule({})],
      },
      { id: 'np/a/good', ingress: [rule({})], egress: [] },
    ],
  });
  const chain = (start: string) => [...state.chains].find(([name]) => name.startsWith(start))?.[1];
  expect(chain('cara-pi-bad')).toEqual(['-j DROP']);
  expect(chain('cara-po-bad')).toEqual(['-g cara-accept']);
  expect(chain('cara-pi-good')).toEqual(['-g cara-accept']);
  expect(state.problems().map(formatProblem)).toEqual([
    'policy np/a/bad, ingress rule 4: it names ports, and protocol any has none',
  ]);
});

test('what the kernel refused stays closed until it changes or is given another chance', () => {
  const state = new DesiredState(4, marks);
  const good = { id: 'np/a/x', ingress: [rule({})], egress: [] };
  state.update({ ...noChange, policies: [good] });
  const chain = [...state.chains.keys()].find((name) => name.startsWith('cara-pi-')) ?? '';
  expect(state.canClose(chain)).toBe(true);
  expect(state.close(chain, 'refused')).toMatchObject({ object: { kind: 'policy', id: 'np/a/x' } });
  expect(state.canClose(chain)).toBe(false);
  expect(state.chains.get(chain)).toEqual(['-j DROP']);
  state.reopen();
  expect(state.chains.get(chain)).toEqual(['-g cara-accept']);
  expect(state.problems()).toEqual([]);
  state.close(chain, 'refused');
  state.update({ ...noChange, policies: [good] });
  expect(state.chains.get(chain)).toEqual(['-g cara-accept']);
});

test('a set that the kernel refused closes the policies that use it', () => {
  const state = new DesiredState(4, marks);
  state.update({
    ...noChange,
    sets: [set('s1', ['10.0.0.1'])],
    policies: [{ id: 'np/a/x', ingress: [rule({ source: { sets: ['s1'] } })], egress: [] }],
  });
  const chain = [...state.chains.keys()].find((name) => name.startsWith('cara-pi-')) ?? '';
  state.breakSet('cara4-n-s1', 'full');
  expect(state.chains.get(chain)).toEqual(['-j DROP']);
  expect(state.problems().map(formatProblem)).toEqual([
    'set cara4-n-s1: full',
    'policy np/a/x, ingress rule 0: set s1: full',
  ]);
  state.update({ ...noChange, sets: [set('s1')] });
  expect(state.chains.get(chain)).not.toEqual(['-j DROP']);
  expect(state.problems()).toEqual([]);
});

test('an interface name that iptables could misread makes a problem of its endpoint, not a rule', () => {
  const state = new DesiredState(4, marks);
  state.update({ ...noChange, endpoints: [endpoint(1, { interfaceName: 'cara+' })] });
  expect(state.problems().map(formatProblem)).toEqual([
    'endpoint c1/eth0: interface cara+ is not cara and up to 11 of A-Z a-z 0-9 _ . -',
  ]);
  expect([...state.chains.keys()].filter((chain) => chain.startsWith('cara-fw'))).toEqual([]);
});

test('an interface that moves to another endpoint stays with the last one', () => {
  const state = new DesiredState(4, marks);
  state.update({ ...noChange, endpoints: [endpoint(1)] });
  state.update({
    ...noChange,
    endpoints: [endpoint(2, { interfaceName: endpoint(1).interfaceName })],
    removedEndpoints: ['c1/eth0'],
  });
  expect(state.chains.get('cara-fw-00000000001')?.[0]).toBe('! -s 10.65.0.2/32 -j DROP');
});
