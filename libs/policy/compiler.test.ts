import type { AnyResource } from '@caracal/api';
import { beforeEach, describe, expect, test } from 'vitest';
import { createCompiler } from './compiler.ts';
import { applyDelta, emptyState, type Packet, permits, type State } from './testing/interpreter.ts';
import { core, kubernetes, own, pod, tcp } from './testing/resources.ts';
import type { Compiler, Pod } from './updates.ts';

let compiler: Compiler;
let state: State;

beforeEach(() => {
  compiler = createCompiler();
  state = emptyState();
});

function flush() {
  const delta = compiler.flush();
  applyDelta(state, delta);
  return delta;
}

function store(...resources: AnyResource[]): void {
  for (const resource of resources) compiler.apply({ type: 'resource', resource });
}

/** A pod of this node. */
function local(address: string, described: Pod): void {
  const endpoint = { id: described.key, interfaceName: 'cara0', addresses: [address], pod: described };
  compiler.apply({ type: 'localEndpoint', endpoint });
}

/** A pod of another node. */
function remote(address: string, described: Pod): void {
  compiler.apply({ type: 'pod', pod: described });
  reported(address, described.uid);
}

function reported(address: string, podUid: string): void {
  const endpoint = { node: 'other', containerId: address, interface: 'eth0', podUid, addresses: [address] };
  compiler.apply({ type: 'endpoint', endpoint });
}

function reaches(source: string, more: Partial<Packet> = {}): boolean {
  const packet = { source, destination: '10.0.0.1', protocol: 6, sourcePort: 40000, port: 5432, ...more };
  return permits(state, 'shop/db', 'ingress', packet);
}

const apiToDb = kubernetes(
  { name: 'db', namespace: 'shop' },
  {
    podSelector: { matchLabels: { app: 'db' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: 'api' } } }], ports: [{ port: 5432 }] }],
  },
);
const noEffect = { removedSets: [], policies: [], removedPolicies: [], removedEndpoints: [], endpoints: [] };

describe('pods', () => {
  beforeEach(() => {
    store(apiToDb);
    local('10.0.0.1', pod('shop/db', { app: 'db' }));
    remote('10.0.1.1', pod('shop/api', { app: 'api' }));
    flush();
  });

  test('a selected pod reaches, another does not', () => {
    remote('10.0.1.2', pod('bank/api', { app: 'api' }));
    flush();
    expect([reaches('10.0.1.1'), reaches('10.0.1.2'), reaches('192.0.2.1')]).toEqual([true, false, false]);
    expect(reaches('10.0.1.1', { port: 22 })).toBe(false);
  });

  test('a relabelled pod leaves and comes back, at the cost of one member', () => {
    compiler.apply({ type: 'pod', pod: pod('shop/api', { app: 'web' }) });
    expect(flush()).toEqual({ ...noEffect, sets: [expect.objectContaining({ added: [], removed: ['10.0.1.1'] })] });
    expect(reaches('10.0.1.1')).toBe(false);
    compiler.apply({ type: 'pod', pod: pod('shop/api', { app: 'api' }) });
    flush();
    expect(reaches('10.0.1.1')).toBe(true);
  });

  test('away and back within one flush is no change', () => {
    compiler.apply({ type: 'podRemoved', key: 'shop/api' });
    compiler.apply({ type: 'pod', pod: pod('shop/api', { app: 'api' }) });
    expect(flush()).toEqual({ ...noEffect, sets: [] });
  });

  test('a deleted pod, or its endpoint gone first, leaves the set', () => {
    compiler.apply({ type: 'podRemoved', key: 'shop/api' });
    flush();
    expect(reaches('10.0.1.1')).toBe(false);
    compiler.apply({ type: 'pod', pod: pod('shop/api', { app: 'api' }) });
    compiler.apply({
      type: 'endpointRemoved',
      endpoint: { node: 'other', containerId: '10.0.1.1', interface: 'eth0' },
    });
    flush();
    expect(reaches('10.0.1.1')).toBe(false);
  });

  test('pod and endpoint join on the uid, not on the name', () => {
    compiler.apply({ type: 'pod', pod: pod('shop/api', { app: 'api' }, { uid: 'second' }) });
    flush();
    expect(reaches('10.0.1.1')).toBe(false);
    reported('10.0.1.9', 'second');
    flush();
    expect(reaches('10.0.1.9')).toBe(true);
  });

  test('an address that two endpoints give stays until both are gone', () => {
    remote('10.0.1.1', pod('shop/api-2', { app: 'api' }));
    const second = { node: 'third', containerId: 'x', interface: 'eth0' };
    compiler.apply({ type: 'endpoint', endpoint: { ...second, podUid: 'shop/api', addresses: ['10.0.1.1'] } });
    expect(flush().sets).toEqual([]);
    compiler.apply({ type: 'endpointRemoved', endpoint: second });
    expect(flush().sets).toEqual([]);
    expect(reaches('10.0.1.1')).toBe(true);
  });

  test('a local pod counts as ADD described it until the feed has its uid', () => {
    local('10.0.0.2', pod('shop/worker', { app: 'api' }));
    flush();
    expect(reaches('10.0.0.2')).toBe(true);
    compiler.apply({ type: 'pod', pod: pod('shop/worker', { app: 'web' }) });
    flush();
    expect(reaches('10.0.0.2')).toBe(false);
    compiler.apply({ type: 'podRemoved', key: 'shop/worker' });
    flush();
    expect(reaches('10.0.0.2')).toBe(true);
  });

  test('the last local pod that a policy selects takes policy and sets with it', () => {
    compiler.apply({ type: 'localEndpointRemoved', id: 'shop/db' });
    const { removedEndpoints, removedPolicies, removedSets } = flush();
    expect([removedEndpoints, removedPolicies, removedSets.length]).toEqual([['shop/db'], ['knp/shop/db'], 1]);
    expect([state.endpoints.size, state.policies.size, state.sets.size]).toEqual([0, 0, 0]);
  });
});

describe('policies', () => {
  beforeEach(() => {
    local('10.0.0.1', pod('shop/db', { app: 'db' }, { ports: [tcp('sql', 5432)] }));
    remote('10.0.1.1', pod('shop/api', { app: 'api' }));
    remote('10.0.1.2', pod('bank/teller', { app: 'teller' }));
  });

  test('nothing selects: open; a policy comes, changes and goes', () => {
    flush();
    expect(reaches('10.0.1.2')).toBe(true);
    store(apiToDb);
    flush();
    expect([reaches('10.0.1.1'), reaches('10.0.1.2')]).toEqual([true, false]);
    store(
      kubernetes(
        { name: 'db', namespace: 'shop' },
        { podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port: 'sql' }] }] },
      ),
    );
    expect(flush().endpoints).toEqual([]);
    expect([reaches('10.0.1.1'), reaches('10.0.1.2'), reaches('192.0.2.1')]).toEqual([true, true, false]);
    compiler.apply({ type: 'resourceRemoved', kind: 'KubernetesNetworkPolicy', namespace: 'shop', name: 'db' });
    flush();
    expect(reaches('192.0.2.1')).toBe(true);
    expect(state.sets.size).toBe(0);
  });

  test('a policy that selects nothing local is not compiled', () => {
    store(kubernetes({ name: 'all', namespace: 'bank' }, { podSelector: {} }));
    flush();
    expect(state.policies.size).toBe(0);
  });

  test('equal selectors share one set, whatever their spelling', () => {
    const allow = (selector: string) => ({ action: 'Allow', source: { selector } });
    const spec = { ingress: [allow("app == 'api' && has(tier)"), allow('has(tier)&&app in {"api"}')] };
    store(own('GlobalNetworkPolicy', { name: 'one' }, spec), own('GlobalNetworkPolicy', { name: 'two' }, spec));
    flush();
    expect(state.sets.size).toBe(1);
  });

  test('a relabelled namespace moves its pods', () => {
    const fromTrusted = { from: [{ namespaceSelector: { matchLabels: { trusted: 'yes' } } }] };
    store(kubernetes({ name: 'db', namespace: 'shop' }, { podSelector: {}, ingress: [fromTrusted] }));
    flush();
    expect(reaches('10.0.1.2')).toBe(false);
    store(core('Namespace', { name: 'bank', labels: { trusted: 'yes' } }));
    flush();
    expect(reaches('10.0.1.2')).toBe(true);
    compiler.apply({ type: 'resourceRemoved', kind: 'Namespace', name: 'bank' });
    flush();
    expect(reaches('10.0.1.2')).toBe(false);
  });

  test("a relabelled namespace changes which policies select its pods, and a pod's label cannot pass for one", () => {
    const spec = { namespaceSelector: 'zone == "closed"', ingress: [] };
    store(own('GlobalNetworkPolicy', { name: 'closed' }, spec));
    store(own('GlobalNetworkPolicy', { name: 'forged' }, { selector: 'pcns.zone == "forged"', ingress: [] }));
    local('10.0.0.1', pod('shop/db', { 'pcns.zone': 'forged' }));
    flush();
    expect(reaches('10.0.1.1')).toBe(true);
    store(core('Namespace', { name: 'shop', labels: { zone: 'closed' } }));
    flush();
    expect(reaches('10.0.1.1')).toBe(false);
  });

  test('service accounts select by name and label', () => {
    const source = { serviceAccounts: { selector: 'role == "teller"' }, namespaceSelector: 'all()' };
    store(own('NetworkPolicy', { name: 'db', namespace: 'shop' }, { ingress: [{ action: 'Allow', source }] }));
    remote('10.0.1.2', pod('bank/teller', {}, { serviceAccount: 'teller' }));
    flush();
    expect(reaches('10.0.1.2')).toBe(false);
    store(core('ServiceAccount', { name: 'teller', namespace: 'bank', labels: { role: 'teller' } }));
    flush();
    expect(reaches('10.0.1.2')).toBe(true);
  });

  test('network sets are selected by rules of our own policies, never by those of Kubernetes', () => {
    const sets = { name: 'office', labels: { app: 'api' } };
    store(own('GlobalNetworkSet', sets, { nets: ['192.0.2.0/24', '0.0.0.0/0', '2001:db8::/32'] }));
    store(
      own(
        'GlobalNetworkPolicy',
        { name: 'db' },
        { ingress: [{ action: 'Allow', source: { selector: 'app == "api"' } }] },
      ),
    );
    flush();
    expect([...state.sets.values()][0].members).toEqual(
      new Set(['10.0.1.1', '192.0.2.0/24', '0.0.0.0/1', '128.0.0.0/1']),
    );
    compiler.apply({ type: 'resourceRemoved', kind: 'GlobalNetworkPolicy', name: 'db' });
    store(apiToDb);
    flush();
    expect([...state.sets.values()][0].members).toEqual(new Set(['10.0.1.1']));
  });

  test('a staged policy decides nothing', () => {
    store(own('GlobalNetworkPolicy', { name: 'closed' }, { ingress: [], enforcement: 'Staged' }));
    flush();
    expect(reaches('192.0.2.1')).toBe(true);
  });
});

describe('tiers', () => {
  const guard = (order: number, action: string) =>
    own(
      'GlobalNetworkPolicy',
      { name: 'guard' },
      { tier: 'first', order, ingress: [{ action, source: { nets: ['10.0.1.0/24'] } }] },
    );

  beforeEach(() => {
    store(apiToDb);
    local('10.0.0.1', pod('shop/db', { app: 'db' }));
    remote('10.0.1.1', pod('shop/api', { app: 'api' }));
  });

  test('a tier added before the others decides first; its default action is its own', () => {
    store(own('Tier', { name: 'first' }, { order: 10 }), guard(1, 'Pass'));
    flush();
    expect(state.endpoints.get('shop/db')?.ingress).toEqual([
      { name: 'first', policies: ['gnp/guard'], defaultAction: 'Deny' },
      { name: 'default', policies: ['knp/shop/db'], defaultAction: 'Deny' },
    ]);
    expect([reaches('10.0.1.1'), reaches('10.0.1.7')]).toEqual([true, false]);
    store(own('Tier', { name: 'first' }, { order: 10, defaultAction: 'Pass' }), guard(1, 'Deny'));
    flush();
    expect(reaches('10.0.1.1')).toBe(false);
    compiler.apply({ type: 'resourceRemoved', kind: 'GlobalNetworkPolicy', name: 'guard' });
    flush();
    expect(reaches('10.0.1.1')).toBe(true);
    expect(state.endpoints.get('shop/db')?.ingress.map(({ name }) => name)).toEqual(['default']);
  });

  test('a tier that is removed under its policies is as good as one without order, and denies', () => {
    store(own('Tier', { name: 'first' }, { order: 10, defaultAction: 'Pass' }), guard(1, 'Allow'));
    flush();
    compiler.apply({ type: 'resourceRemoved', kind: 'Tier', name: 'first' });
    flush();
    expect(state.endpoints.get('shop/db')?.ingress.map(({ name, defaultAction }) => [name, defaultAction])).toEqual([
      ['default', 'Deny'],
      ['first', 'Deny'],
    ]);
  });

  test('a changed order of tiers or policies reaches the endpoints and nothing else', () => {
    store(own('Tier', { name: 'first' }, { order: 10 }), guard(1, 'Pass'));
    flush();
    store(own('Tier', { name: 'first' }, { order: 2_000_000 }));
    const delta = flush();
    expect([delta.endpoints.length, delta.policies.length, delta.sets.length]).toEqual([1, 0, 0]);
  });

  test('within a tier: order, then name; Kubernetes policies at 1000, without order last', () => {
    const spec = (order?: number) => ({ order, ingress: [] });
    for (const [name, order] of [
      ['z', 999],
      ['b', 1000],
      ['e', 1000],
      ['a', undefined],
    ] as const) {
      store(own('GlobalNetworkPolicy', { name }, JSON.parse(JSON.stringify(spec(order)))));
    }
    flush();
    const [{ policies }] = state.endpoints.get('shop/db')?.ingress ?? [];
    expect(policies).toEqual(['gnp/z', 'gnp/b', 'knp/shop/db', 'gnp/e', 'gnp/a']);
  });
});

describe('policies that cannot be compiled', () => {
  /** Past the schema, as a newer hub or a damaged store might send it. */
  function damaged(name: string, spec: object): AnyResource {
    const good = own('GlobalNetworkPolicy', { name }, { ingress: [{ action: 'Allow' }] });
    // Made wrong on purpose: no valid resource has such a specification.
    return { ...good, spec: { ...good.spec, ...spec } } as AnyResource;
  }

  beforeEach(() => {
    local('10.0.0.1', pod('shop/db', { app: 'db' }));
    local('10.0.0.2', pod('shop/web', { app: 'web' }));
  });

  test('a wrong rule closes what the policy selects, in its directions, and is named; corrected, all is well', () => {
    const wrong = {
      selector: 'app == "db"',
      ingress: [{ action: 'Allow', source: { selector: 'app = api' }, destination: {} }],
    };
    store(damaged('bad', wrong));
    flush();
    expect(reaches('192.0.2.1')).toBe(false);
    const packet = { source: '10.0.0.1', destination: '192.0.2.1', protocol: 6, port: 80 };
    expect(permits(state, 'shop/db', 'egress', packet)).toBe(true);
    expect(permits(state, 'shop/web', 'ingress', { ...packet, destination: '10.0.0.2' })).toBe(true);
    expect(compiler.problems()).toEqual([
      {
        policy: 'gnp/bad',
        message: expect.stringMatching(/^gnp\/bad: spec\.ingress\[0\]\.source\.selector: .*closed/),
      },
    ]);
    store(damaged('bad', {}));
    flush();
    expect([reaches('192.0.2.1'), compiler.problems()]).toEqual([true, []]);
  });

  test('it is closed even where the tier would pass and a later policy would allow', () => {
    store(own('Tier', { name: 'first' }, { order: 1, defaultAction: 'Pass' }));
    store(damaged('bad', { tier: 'first', ingress: [{ action: 'Allow', source: { selector: 'app = api' } }] }));
    store(own('GlobalNetworkPolicy', { name: 'open' }, { ingress: [{ action: 'Allow' }] }));
    flush();
    expect(reaches('192.0.2.1')).toBe(false);
  });

  test('a policy of no known shape costs nobody else', () => {
    store(apiToDb, damaged('worse', { ingress: [{}] }), damaged('worst', { selector: 'app ==' }));
    remote('10.0.1.1', pod('shop/api', { app: 'api' }));
    flush();
    expect(
      compiler
        .problems()
        .map(({ policy }) => policy)
        .sort(),
    ).toEqual(['gnp/worse', 'gnp/worst']);
    expect(state.policies.has('knp/shop/db')).toBe(true);
  });

  test('removed, the policy is no problem any more', () => {
    store(damaged('worst', { selector: 'app ==' }));
    flush();
    expect(compiler.problems()).toHaveLength(1);
    compiler.apply({ type: 'resourceRemoved', kind: 'GlobalNetworkPolicy', name: 'worst' });
    flush();
    expect(compiler.problems()).toEqual([]);
  });
});
