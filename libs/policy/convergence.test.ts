import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCompiler } from './compiler.ts';
import { applyDelta, emptyState, plain } from './testing/interpreter.ts';
import { anyPod, anyResource } from './testing/worlds.ts';
import type { Update } from './updates.ts';

const number = fc.integer({ min: 1, max: 4 });
const addresses = fc.uniqueArray(fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', '2001:db8::1'), { maxLength: 2 });

/** A uid sometimes moves on (the pod was made anew), and sometimes two pods claim one. */
const pod = fc
  .tuple(number.chain(anyPod), fc.constantFrom('', '-new'))
  .map(([each, suffix]) => ({ ...each, uid: each.uid + suffix }));

const update: fc.Arbitrary<Update> = fc.oneof(
  { weight: 4, arbitrary: anyResource.map((resource): Update => ({ type: 'resource', resource })) },
  {
    weight: 2,
    arbitrary: anyResource.map(
      ({ kind, metadata: { name, namespace } }): Update => ({ type: 'resourceRemoved', kind, name, namespace }),
    ),
  },
  { weight: 3, arbitrary: pod.map((each): Update => ({ type: 'pod', pod: each })) },
  { weight: 1, arbitrary: pod.map(({ key }): Update => ({ type: 'podRemoved', key })) },
  {
    weight: 3,
    arbitrary: fc.tuple(number, pod, addresses).map(([i, { uid }, some]): Update => {
      const endpoint = { node: 'other', containerId: `c${i}`, interface: 'eth0', podUid: uid, addresses: some };
      return { type: 'endpoint', endpoint };
    }),
  },
  {
    weight: 1,
    arbitrary: number.map((i): Update => {
      return { type: 'endpointRemoved', endpoint: { node: 'other', containerId: `c${i}`, interface: 'eth0' } };
    }),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(number, pod, addresses).map(([i, each, some]): Update => {
      const endpoint = { id: `l${i}/eth0`, interfaceName: `cara${i}`, addresses: some, pod: each };
      return { type: 'localEndpoint', endpoint };
    }),
  },
  { weight: 1, arbitrary: number.map((i): Update => ({ type: 'localEndpointRemoved', id: `l${i}/eth0` })) },
);

/** What an update is about: of those with one key only the last counts. */
function keyOf(each: Update): string {
  switch (each.type) {
    case 'resource': {
      const { kind, metadata } = each.resource;
      return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
    }
    case 'resourceRemoved':
      return `${each.kind}/${each.namespace ?? ''}/${each.name}`;
    case 'pod':
      return `pod/${each.pod.key}`;
    case 'podRemoved':
      return `pod/${each.key}`;
    case 'endpoint':
    case 'endpointRemoved':
      return `endpoint/${each.endpoint.containerId}`;
    case 'localEndpoint':
      return `local/${each.endpoint.id}`;
    case 'localEndpointRemoved':
      return `local/${each.id}`;
    case 'resyncBegin':
    case 'resyncEnd':
      return each.type;
  }
}

/** The state after the updates, with a flush after each of these positions, and some of its work at others; every delta must be applicable. */
function stateAfter(updates: readonly Update[], flushes: ReadonlySet<number>, settled = new Set<number>()): unknown {
  const compiler = createCompiler();
  const state = emptyState();
  for (const [i, each] of updates.entries()) {
    compiler.apply(each);
    if (flushes.has(i)) applyDelta(state, compiler.flush());
    if (settled.has(i)) compiler.settle(() => i % 2 === 0);
  }
  applyDelta(state, compiler.flush());
  return plain(state);
}

const history = fc.array(update, { minLength: 20, maxLength: 80, size: 'max' });

test('whatever the history, the state is that of a fresh compile, in whatever order it learns the same', () => {
  const runs = Number(process.env.CARACAL_PROPERTY_RUNS ?? 100);
  fc.assert(
    fc.property(
      history,
      fc.array(fc.nat(80), { maxLength: 40 }),
      fc.array(fc.nat(80), { maxLength: 40 }),
      fc.infiniteStream(fc.nat()),
      (updates, at, settled, random) => {
        const last = new Map(updates.map((each) => [keyOf(each), each]));
        const shuffled = [...last.values()].map((each) => ({ each, place: random.next().value }));
        shuffled.sort((a, b) => a.place - b.place);
        const fresh = stateAfter(
          shuffled.map(({ each }) => each),
          new Set(),
        );
        expect(stateAfter(updates, new Set(at), new Set(settled))).toEqual(fresh);
      },
    ),
    { numRuns: runs },
  );
}, 600_000);

const ofPodsElsewhere = ({ type }: Update) => /^(pod|endpoint)/.test(type);

test('after a resync the state is that of what was said since it began, and of what else is known', () => {
  fc.assert(
    fc.property(history, history, fc.nat(80), (before, after, flushAt) => {
      const resync: Update[] = [...before, { type: 'resyncBegin' }, ...after, { type: 'resyncEnd' }];
      const other = before.filter((each) => !ofPodsElsewhere(each));
      expect(stateAfter(resync, new Set([flushAt, before.length]))).toEqual(
        stateAfter([...other, ...after], new Set()),
      );
    }),
    { numRuns: 100 },
  );
}, 600_000);

test('what is unchanged gives no delta', () => {
  fc.assert(
    fc.property(history, (updates) => {
      const compiler = createCompiler();
      for (const each of updates) compiler.apply(each);
      compiler.flush();
      for (const each of new Map(updates.map((one) => [keyOf(one), one])).values()) compiler.apply(each);
      const { sets, removedSets, policies, removedPolicies, endpoints, removedEndpoints } = compiler.flush();
      expect([sets, removedSets, policies, removedPolicies, endpoints, removedEndpoints]).toEqual([
        [],
        [],
        [],
        [],
        [],
        [],
      ]);
    }),
    { numRuns: 50 },
  );
}, 600_000);
