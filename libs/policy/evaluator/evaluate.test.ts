import type { AnyResource } from '@caracal/api';
import { describe, expect, test } from 'vitest';
import { core, kubernetes, own, pod, tcp } from '../testing/resources.ts';
import { evaluate, explain } from './evaluate.ts';
import { formatExplanation } from './format.ts';
import type { Flow, Verdict, World } from './types.ts';

const pods = [
  { ...pod('shop/web', { app: 'web' }), addresses: ['10.0.0.1'], node: 'n1' },
  {
    ...pod('shop/db', { app: 'db', tier: 'store' }, { ports: [tcp('sql', 5432)] }),
    addresses: ['10.0.0.2'],
    node: 'n2',
  },
  { ...pod('bank/teller', { app: 'web' }, { serviceAccount: 'teller' }), addresses: ['10.0.0.3', '2001:db8::3'] },
];

function worldOf(...resources: AnyResource[]): World {
  return { resources, pods };
}

const webToDb: Flow = { source: { pod: 'shop/web' }, destination: { pod: 'shop/db' }, protocol: 'tcp', port: 5432 };

function verdictOf(world: World, flow: Partial<Flow> = {}): Verdict {
  const evaluation = evaluate(world, { ...webToDb, ...flow });
  if (!evaluation.ok) throw new Error(evaluation.message);
  return evaluation.verdict;
}

function words(world: World, flow: Partial<Flow> = {}): string {
  const explanation = explain(world, { ...webToDb, ...flow });
  return explanation.ok ? formatExplanation(explanation.verdict) : explanation.message;
}

function missed(world: World, flow: Partial<Flow> = {}): readonly string[] | undefined {
  return verdictOf(world, flow).ingress.nearest?.missed;
}

const db = (ingress: readonly unknown[]) =>
  kubernetes({ name: 'db', namespace: 'shop' }, { podSelector: { matchLabels: { app: 'db' } }, ingress });
const from = (...peers: unknown[]) => db([{ from: peers }]);
const global = (name: string, spec: object) => own('GlobalNetworkPolicy', { name }, spec);

describe('what decides', () => {
  test('nothing selects either pod', () => {
    const { allowed, egress, ingress } = verdictOf(worldOf());
    expect([allowed, egress.reason.type, ingress.reason.type]).toEqual([true, 'notSelected', 'notSelected']);
  });

  test('a rule allows, by policy and index', () => {
    const world = worldOf(db([{ from: [{ ipBlock: { cidr: '192.0.2.0/24' } }] }, { from: [{ podSelector: {} }] }]));
    const policy = { id: 'knp/shop/db', kind: 'KubernetesNetworkPolicy', namespace: 'shop', name: 'db' };
    expect(verdictOf(world).ingress).toEqual({
      direction: 'ingress',
      allowed: true,
      reason: { type: 'rule', tier: 'default', policy, rule: 1, action: 'Allow' },
    });
  });

  test('egress denied is denied, whatever ingress says', () => {
    const world = worldOf(global('closed', { selector: 'app == "web"', types: ['Egress'] }));
    const { allowed, egress, ingress } = verdictOf(world);
    expect([allowed, egress.allowed, ingress.allowed]).toEqual([false, false, true]);
  });

  test('Pass goes to the next tier, Log goes on, the default action ends a tier', () => {
    const first = own('Tier', { name: 'first' }, { order: 1 });
    const rules = [{ action: 'Log' }, { action: 'Pass', protocol: 'TCP' }];
    const guard = global('guard', { tier: 'first', ingress: rules, selector: 'app == "db"' });
    expect(verdictOf(worldOf(first, guard)).ingress.reason).toEqual({ type: 'passed', tiers: ['first'] });
    expect(verdictOf(worldOf(first, guard, db([]))).ingress.reason).toMatchObject({
      type: 'tierDefault',
      tier: 'default',
    });
    expect(verdictOf(worldOf(first, guard), { protocol: 'udp' }).ingress.reason).toMatchObject({ tier: 'first' });
    const open = own('Tier', { name: 'first' }, { order: 1, defaultAction: 'Pass' });
    expect(verdictOf(worldOf(open, guard), { protocol: 'udp' }).allowed).toBe(true);
  });

  test('an unknown tier is last and denies; staged policies are left out', () => {
    const stray = global('stray', { tier: 'nowhere', ingress: [{ action: 'Allow', protocol: 'UDP' }] });
    expect(verdictOf(worldOf(stray, db([{}]))).ingress.reason).toMatchObject({ tier: 'default', action: 'Allow' });
    expect(verdictOf(worldOf(stray)).ingress.reason).toMatchObject({ type: 'tierDefault', tier: 'nowhere' });
    expect(verdictOf(worldOf(global('staged', { enforcement: 'Staged' }))).allowed).toBe(true);
  });

  test('the node of a pod reaches it, another does not; a pod reaches itself', () => {
    // Nodes are reported, not applied: this is what the hub writes.
    const node = { ...core('Namespace', { name: 'n2' }), kind: 'Node', spec: { ipv4Address: '192.0.2.2' } };
    const world = { pods, resources: [db([]), node] };
    expect(verdictOf(world, { source: { address: '192.0.2.2' } }).ingress.reason).toEqual({ type: 'host', node: 'n2' });
    expect(verdictOf(world, { source: { address: '192.0.2.3' } }).allowed).toBe(false);
    expect(verdictOf(world, { source: { pod: 'shop/db' } }).ingress.reason.type).toBe('itself');
  });

  test('an address of a pod is that pod; another is none', () => {
    const world = worldOf(from({ podSelector: {} }));
    expect(verdictOf(world, { source: { address: '10.0.0.1' } })).toMatchObject({
      allowed: true,
      source: { pod: 'shop/web' },
    });
    expect(verdictOf(world, { source: { address: '192.0.2.9' } }).egress.reason.type).toBe('notAPod');
  });

  test('an unreadable policy denies in its directions and says so', () => {
    const good = global('bad', { selector: 'app == "db"', ingress: [{ action: 'Allow' }] });
    // Made wrong on purpose: no valid resource has such a specification.
    const spec = { ...good.spec, ingress: [{ action: 'Allow', source: { selector: 'app =' }, destination: {} }] };
    const world = worldOf({ ...good, spec } as AnyResource);
    expect(words(world).replace(/\s+/g, ' ')).toContain(
      '(tier default) cannot be read, so it denies all: app = is no selector',
    );
    expect(verdictOf(world).egress.allowed).toBe(true);
  });

  test.each([
    [{ source: { pod: 'shop/gone' } }, 'there is no pod shop/gone (a pod is named NAMESPACE/NAME)'],
    [{ source: { address: 'example' } }, 'example is no address'],
    [{ protocol: 'carrier-pigeon' }, 'carrier-pigeon is no protocol'],
    [{ source: { address: '2001:db8::1' } }, 'source and destination have no addresses of one family'],
  ])('a question that makes no sense: %j', (flow, message) => {
    expect(evaluate(worldOf(), { ...webToDb, ...flow })).toEqual({ ok: false, message });
  });
});

describe('why a rule missed', () => {
  const allow = (rule: object, more: object = {}) =>
    global('db', { selector: 'app == "db"', ingress: [{ action: 'Allow', ...rule }], ...more });
  const fromEntity = (source: object) => allow({ source });

  test.each<[string, AnyResource, Partial<Flow>, string[]]>([
    [
      'label',
      fromEntity({ selector: 'app == "api"' }),
      {},
      ['source: label app is "web", the rule wants app == "api"'],
    ],
    [
      'no label',
      fromEntity({ selector: 'has(role)' }),
      {},
      ['source: there is no label role, the rule wants has(role)'],
    ],
    [
      'two terms of a selector are one condition',
      fromEntity({ selector: 'app == "api" && role in {"x", "y"}' }),
      {},
      [
        'source: label app is "web", the rule wants app == "api"; there is no label role, the rule wants role in {"x", "y"}',
      ],
    ],
    [
      'alternatives',
      fromEntity({ selector: 'app == "api" || app == "job"' }),
      {},
      ['source: label app is "web", the rule wants app == "api" || app == "job"'],
    ],
    ['not', fromEntity({ selector: '!has(app)' }), {}, ['source: label app is "web", the rule wants !has(app)']],
    [
      'namespace label',
      fromEntity({ namespaceSelector: 'team == "a"' }),
      {},
      ['source: there is no namespace label team, the rule wants team == "a"'],
    ],
    [
      'service account',
      fromEntity({ serviceAccounts: { names: ['teller'] } }),
      {},
      ['source: service account is "default", the rule wants teller'],
    ],
    [
      'nobody there',
      fromEntity({ selector: 'app == "api"' }),
      { source: { address: '192.0.2.1' } },
      ['source: 192.0.2.1 is no pod and in no network set, the rule wants app == "api"'],
    ],
    ['nets', fromEntity({ nets: ['192.0.2.0/24'] }), {}, ['source: 10.0.0.1 is not in 192.0.2.0/24']],
    [
      'notNets',
      fromEntity({ notNets: ['10.0.0.0/8'] }),
      {},
      ['source: 10.0.0.1 is in 10.0.0.0/8, which the rule excludes'],
    ],
    [
      'notSelector',
      fromEntity({ notSelector: 'app == "web"' }),
      {},
      ['source: pod shop/web is selected by app == "web", which the rule excludes'],
    ],
    ['protocol', allow({ protocol: 'UDP' }), {}, ['protocol is TCP, the rule wants UDP']],
    ['notProtocol', allow({ notProtocol: 'TCP' }), {}, ['protocol is TCP, which the rule excludes']],
    [
      'ports',
      allow({ protocol: 'TCP', destination: { ports: [80, '8000:8010'] } }),
      {},
      ['destination: port is 5432, the rule wants 80 or 8000 to 8010'],
    ],
    [
      'a port by name',
      allow({ protocol: 'TCP', destination: { ports: ['sql'] } }),
      { port: 80 },
      ['destination: port is 80, the rule wants sql (sql is 5432/TCP here)'],
    ],
    [
      'a name that no port has',
      allow({ protocol: 'TCP', destination: { ports: ['web'] } }),
      {},
      ['destination: port is 5432, the rule wants web (nothing at 10.0.0.2 that the rule selects names a port web)'],
    ],
    [
      'notPorts',
      allow({ protocol: 'TCP', destination: { notPorts: [5432] } }),
      {},
      ['destination: port is 5432, which the rule excludes'],
    ],
    [
      'ICMP',
      allow({ protocol: 'ICMP', icmp: { type: 8 } }),
      { protocol: 'icmp', port: undefined, icmp: { type: 3, code: 1 } },
      ['ICMP is type 3 code 1, the rule wants type 8'],
    ],
    [
      'not that ICMP',
      allow({ protocol: 'ICMP', notICMP: { type: 3 } }),
      { protocol: 'icmp', port: undefined, icmp: { type: 3, code: 1 } },
      ['ICMP is type 3, which the rule excludes'],
    ],
    ['IP version', allow({ ipVersion: 6 }), {}, ['the packet is IPv4, the rule wants IPv6']],
    [
      'a peer of Kubernetes in another namespace',
      from({ podSelector: { matchLabels: { app: 'web' } } }),
      { source: { pod: 'bank/teller' } },
      ['source: namespace is "bank", the rule looks in "shop" only'],
    ],
    [
      'namespace and labels are two conditions',
      from({ namespaceSelector: { matchLabels: { team: 'a' } }, podSelector: { matchLabels: { app: 'api' } } }),
      {},
      [
        'source: there is no namespace label team, the rule wants team == "a"',
        'source: label app is "web", the rule wants app == "api"',
      ],
    ],
    [
      'an exception of a block',
      from({ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/30'] } }),
      {},
      ['source: 10.0.0.1 is in 10.0.0.0/30, which the rule excludes'],
    ],
    [
      'of several peers the nearest',
      from(
        { ipBlock: { cidr: '192.0.2.0/24' } },
        { namespaceSelector: {}, podSelector: { matchLabels: { app: 'api' } } },
      ),
      {},
      ['source: 10.0.0.1 is not in 192.0.2.0/24'],
    ],
    [
      'of several peers the nearest, though a later one',
      from(
        { namespaceSelector: { matchLabels: { team: 'a' } }, podSelector: { matchLabels: { app: 'api' } } },
        { podSelector: { matchLabels: { app: 'job' } } },
      ),
      {},
      ['source: label app is "web", the rule wants app == "job"'],
    ],
    [
      'ports of one protocol are alternatives',
      db([{ ports: [{ port: 80 }, { port: 8000, endPort: 8010 }, { protocol: 'UDP', port: 5432 }] }]),
      {},
      ['destination: port is 5432, the rule wants 80 or 8000 to 8010'],
    ],
  ])('%s', (_name, resource, flow, expected) => {
    expect(missed(worldOf(resource), flow)).toEqual(expected);
  });

  test('in a namespaced policy conditions on labels look in its namespace only', () => {
    const spec = { ingress: [{ action: 'Allow', source: { selector: 'app == "web"' } }] };
    const world = worldOf(own('NetworkPolicy', { name: 'db', namespace: 'shop' }, spec));
    expect(verdictOf(world).allowed).toBe(true);
    expect(missed(world, { source: { pod: 'bank/teller' } })).toEqual([
      'source: namespace is "bank", the rule looks in "shop" only',
    ]);
  });
});

test('a named port is one of the pods that the rule selects: an address that a network set brings in has none', () => {
  const rule = (label: string) => ({
    action: 'Allow',
    protocol: 'TCP',
    destination: { selector: `has(${label})`, ports: ['sql', 81] },
  });
  const nets = own('GlobalNetworkSet', { name: 'a', labels: { known: '' } }, { nets: ['10.0.0.0/30'] });
  const world = (label: string) =>
    worldOf(nets, global('web', { types: ['Egress'], selector: 'app == "web"', egress: [rule(label)] }));
  expect(verdictOf(world('tier')).allowed).toBe(true);
  expect(verdictOf(world('known'), { port: 81 }).allowed).toBe(true);
  expect(verdictOf(world('known')).egress.nearest?.missed).toEqual([
    'destination: port is 5432, the rule wants sql or 81 (nothing at 10.0.0.2 that the rule selects names a port sql)',
  ]);
});

describe('the nearest rule', () => {
  const one = global('one', {
    order: 1,
    selector: 'app == "db"',
    ingress: [
      { action: 'Deny', protocol: 'UDP' },
      { action: 'Allow', protocol: 'UDP', source: { selector: 'app == "api"' } },
      { action: 'Allow', protocol: 'TCP', destination: { ports: [80] } },
      { action: 'Allow', protocol: 'TCP', destination: { ports: [81] } },
    ],
  });

  test('has the fewest conditions missed, then comes first; Deny rules are not in question', () => {
    expect(verdictOf(worldOf(one)).ingress.nearest).toMatchObject({ policy: { name: 'one' }, rule: 2 });
  });

  test('is among those that were tried before an explicit Deny', () => {
    const deny = global('zero', { order: 0, selector: 'app == "db"', ingress: [{ action: 'Deny' }] });
    expect(verdictOf(worldOf(one, deny)).ingress).not.toHaveProperty('nearest');
    expect(verdictOf(worldOf(one, deny)).ingress.reason).toMatchObject({ type: 'rule', action: 'Deny' });
  });
});

test('an explanation fits 80 columns and names what decided and what came nearest', () => {
  const world = worldOf(
    own('Tier', { name: 'security' }, { order: 1 }),
    global('metadata', { tier: 'security', types: ['Egress'], egress: [{ action: 'Pass' }], selector: 'app == "web"' }),
    db([{ from: [{ podSelector: { matchLabels: { app: 'api' } } }], ports: [{ port: 5432 }] }]),
  );
  const text = words(world);
  expect(`\n${text}\n`).toBe(`
TCP port 5432 from shop/web (10.0.0.1) to shop/db (10.0.0.2): DENIED
  egress of shop/web: allowed – every tier passed it on (security)
  ingress of shop/db: DENIED – by the default action of tier default: no rule
    matched of KubernetesNetworkPolicy/shop/db
    nearest rule: KubernetesNetworkPolicy/shop/db ingress[0] (Allow, tier
      default); 1 condition missed:
      - source: label app is "web", the rule wants app == "api"
`);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});
