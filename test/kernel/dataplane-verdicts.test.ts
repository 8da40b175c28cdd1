import { type CompiledEndpoint, type CompiledPolicy, noChange, type Rule } from '@caracal/policy';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allows, type Packet, type RuleWorld } from './dataplane/oracle.ts';
import { createTestNode, type TestNode, type TestPod } from './dataplane/pod-network.ts';
import type { Flow, Prober } from './dataplane/prober.ts';
import { dataplaneIn, endpointOf, port, rule, set, tier } from './dataplane/scene.ts';

let node: TestNode;
let a: TestPod;
let b: TestPod;
let c: TestPod;
let dataplane: ReturnType<typeof dataplaneIn>;
let applied: RuleWorld = { sets: new Map(), policies: new Map(), endpoints: [] };
const secondOutside = '198.51.100.7';
const ports = [80, 81, 8080];

beforeAll(async () => {
  node = await createTestNode();
  a = await node.addPod('10.65.0.2', 'caraaaaaaaaaaaa');
  b = await node.addPod('10.65.0.3', 'carabbbbbbbbbbb');
  c = await node.addPod('10.65.0.4', 'caraccccccccccc');
  await node.outside.netns.run('ip', ['address', 'add', `${secondOutside}/32`, 'dev', 'eth0']);
  await node.netns.run('ip', ['route', 'add', `${secondOutside}/32`, 'via', node.outside.address]);
  for (const place of [a, b, c, node, node.outside]) {
    await place.probe.listen('tcp', ports);
    await place.probe.listen('udp', ports);
  }
  dataplane = dataplaneIn(node);
  await dataplane.start();
}, 60_000);

afterAll(async () => {
  await dataplane?.stop();
  await node?.remove();
}, 30_000);

const sets = new Map([
  ['pod-a', new Set(['10.65.0.2'])],
  ['low', new Set(['10.65.0.0/30'])],
  ['outside', new Set(['192.0.2.0/24'])],
  ['named', new Set(['10.65.0.3,tcp:80', '10.65.0.4,udp:81', '10.65.0.2,tcp:8080', '192.0.2.2,tcp:81'])],
]);

/** Brings the kernel from the world before to this one, as a delta. */
async function apply(policies: readonly CompiledPolicy[], endpoints: readonly CompiledEndpoint[]): Promise<void> {
  const kept = new Set(policies.map(({ id }) => id));
  await dataplane.update({
    ...noChange,
    sets:
      applied.sets.size > 0
        ? []
        : [...sets].map(([id, members]) => set(id, [...members], id === 'named' ? 'ip,port' : 'net')),
    policies,
    endpoints,
    removedPolicies: [...applied.policies.keys()].filter((id) => !kept.has(id)),
  });
  // A new flow could get the ports of one that an earlier world allowed.
  await node.netns.run('conntrack', ['-F']);
  applied = { sets, policies: new Map(policies.map((policy) => [policy.id, policy])), endpoints };
}

const places = (): { name: string; probe: Prober; address: string; from?: string }[] => [
  { name: 'a', ...a },
  { name: 'b', ...b },
  { name: 'c', ...c },
  { name: 'outside', ...node.outside },
  { name: 'outside2', ...node.outside, address: secondOutside, from: secondOutside },
];

function packetOf(source: string, flow: Flow): Packet {
  const both = { source, destination: flow.to };
  if (flow.protocol === 'icmp') return { ...both, protocol: 1, icmp: { type: 8, code: 0 } };
  // The source port is whatever the kernel takes, far above all ports that the random rules name.
  const { port, fromPort = 40000 } = flow;
  return { ...both, protocol: flow.protocol === 'tcp' ? 6 : 17, sourcePort: fromPort, destinationPort: port };
}

/** Tries every flow, and says where kernel and oracle differ. */
async function differences(
  flows: readonly { place: ReturnType<typeof places>[number]; flow: Flow }[],
): Promise<string[]> {
  const results = await Promise.all(
    flows.map(async ({ place, flow }) => {
      const expected = allows(applied, packetOf(place.address, flow));
      let passed = await place.probe.reaches(flow, 500);
      // On a loaded machine an answer can take long; what must not come can be awaited once.
      if (expected && !passed) passed = await place.probe.reaches(flow, 3000);
      return passed === expected
        ? []
        : [`${place.name} ${JSON.stringify(flow)}: ${passed ? 'passes' : 'does not pass'}`];
    }),
  );
  return results.flat();
}

function allFlows() {
  const list = places();
  return list.flatMap((place) =>
    list
      // Answers to UDP come from the first address outside, so the second one only asks.
      .filter((to) => to.name !== place.name && to.name !== 'outside2' && !(to.name === 'outside' && place.from))
      .flatMap((to) => {
        const both = { to: to.address, ...(place.from ? { from: place.from } : {}) };
        const flows: Flow[] = (['tcp', 'udp'] as const).flatMap((protocol) =>
          ports.map((p) => ({ ...both, protocol, port: p })),
        );
        return [...flows, { ...both, protocol: 'icmp' as const }].map((flow) => ({ place, flow }));
      }),
  );
}

const twenty = Array.from({ length: 20 }, (_, i) => i);

const ingress: [string, Rule[]][] = [
  ['everything', [rule()]],
  ['nothing', []],
  ['a TCP port', [rule({ protocol: 6, destination: { ports: port(80) } })]],
  ['ranges and ports', [rule({ protocol: 17, destination: { ports: [{ first: 70, last: 80 }, ...port(8080)] } })]],
  [
    'more ports than multiport takes',
    [
      rule({
        protocol: 6,
        destination: {
          ports: port(...twenty.map((i) => i * 3), 81),
        },
      }),
    ],
  ],
  ['not a port', [rule({ protocol: 6, destination: { notPorts: port(81) } })]],
  [
    'not more than multiport takes',
    [
      rule({
        protocol: 6,
        destination: {
          notPorts: port(...twenty.map((i) => 65 + i)),
        },
      }),
    ],
  ],
  ['a net', [rule({ source: { nets: ['10.65.0.0/30'] } })]],
  [
    'nets of both ends',
    [rule({ source: { nets: ['10.65.0.2', '198.51.100.0/24'] }, destination: { nets: ['10.65.0.3', '1.1.1.1'] } })],
  ],
  ['a net with exceptions', [rule({ source: { nets: ['0.0.0.0/0'], notNets: ['10.65.0.2', '192.0.2.0/24'] } })]],
  ['a narrower net with an exception', [rule({ source: { nets: ['10.65.0.0/24'], notNets: ['10.65.0.4/32'] } })]],
  ['a set', [rule({ source: { sets: ['low'] } })]],
  ['two sets', [rule({ source: { sets: ['low', 'pod-a'] } })]],
  ['not a set', [rule({ source: { notSets: ['low'] } })]],
  ['a set, not another', [rule({ source: { sets: ['low'], notSets: ['pod-a'] } })]],
  ['a named port', [rule({ protocol: 6, destination: { namedPortSets: ['named'] } })]],
  ['a named port of any protocol', [rule({ destination: { namedPortSets: ['named'] } })]],
  ['a named port or a number', [rule({ protocol: 6, destination: { namedPortSets: ['named'], ports: port(8080) } })]],
  ['not a named port', [rule({ destination: { notNamedPortSets: ['named'] } })]],
  ['ICMP echo', [rule({ protocol: 1, icmp: { type: 8 } })]],
  ['ICMP echo with code', [rule({ protocol: 1, icmp: { type: 8, code: 0 } })]],
  ['another ICMP type', [rule({ protocol: 1, icmp: { type: 3, code: 1 } })]],
  ['not ICMP echo', [rule({ notIcmp: { type: 8 } })]],
  ['ICMP but not echo', [rule({ protocol: 1, notIcmp: { type: 8 } })]],
  ['not TCP', [rule({ notProtocol: 6 })]],
  [
    'deny before allow',
    [rule({ action: 'Deny', source: { sets: ['pod-a'] } }), rule({ source: { sets: ['low'] } }), rule({ protocol: 6 })],
  ],
  ['log decides nothing', [rule({ action: 'Log' }), rule({ action: 'Log', protocol: 17 }), rule({ protocol: 17 })]],
  ['pass is the default here', [rule({ action: 'Pass', protocol: 6 }), rule({ protocol: 1 })]],
  [
    'a rule that can not match',
    [rule({ source: { nets: ['fd00::/8'] } }), rule({ protocol: 17, source: { nets: ['fd00::/8', '10.65.0.4'] } })],
  ],
];

test.each(ingress)(
  'ingress: %s',
  async (_, rules) => {
    await apply(
      [{ id: 'np/x/under-test', ingress: rules, egress: [] }],
      [endpointOf(a), endpointOf(b, { ingress: [tier(['np/x/under-test'])] }), endpointOf(c)],
    );
    expect(dataplane.problems()).toEqual([]);
    expect(await differences(allFlows().filter(({ flow }) => flow.to === b.address))).toEqual([]);
    // What the kernel prints is what was written: nothing looks like drift.
    expect(await dataplane.resync()).toEqual([]);
  },
  30_000,
);

test('a source port', async () => {
  const rules = [
    rule({ protocol: 6, source: { ports: port(7001) } }),
    rule({ protocol: 17, source: { ports: port(7002, 7003), nets: ['10.65.0.2'] } }),
  ];
  await apply(
    [{ id: 'np/x/ports', ingress: rules, egress: [] }],
    [endpointOf(a), endpointOf(b, { ingress: [tier(['np/x/ports'])] }), endpointOf(c)],
  );
  const [place] = places();
  const flows = (
    [
      ['tcp', 7001],
      ['tcp', 7002],
      ['udp', 7001],
      ['udp', 7003],
    ] as const
  ).map(([protocol, fromPort]) => ({
    place,
    flow: { protocol, to: b.address, port: 80, fromPort },
  }));
  expect(await differences(flows)).toEqual([]);
  expect(await dataplane.resync()).toEqual([]);
}, 30_000);

test('tiers: what passes goes on, what is undecided ends in the default, in both directions', async () => {
  const policies: CompiledPolicy[] = [
    {
      id: 'gnp/first',
      ingress: [rule({ action: 'Pass', protocol: 6 }), rule({ action: 'Deny', source: { sets: ['pod-a'] } })],
      egress: [rule({ action: 'Pass' })],
    },
    {
      id: 'gnp/second',
      ingress: [rule({ protocol: 17, destination: { ports: port(80) } })],
      egress: [rule({ action: 'Deny' })],
    },
    {
      id: 'np/x/third',
      ingress: [rule({ protocol: 6, destination: { ports: port(80) } })],
      egress: [rule({ protocol: 6 })],
    },
    {
      id: 'np/x/fourth',
      ingress: [rule({ protocol: 6, source: { sets: ['outside'] } })],
      egress: [rule({ action: 'Pass', protocol: 17 })],
    },
  ];
  const tiers = (last: 'Deny' | 'Pass') => [
    tier(['gnp/first', 'gnp/second'], 'Deny', 'security'),
    tier(['np/x/third', 'np/x/fourth'], last, 'default'),
  ];
  for (const last of ['Deny', 'Pass'] as const) {
    await apply(policies, [
      endpointOf(a, { egress: tiers(last) }),
      endpointOf(b, { ingress: tiers(last), egress: [tier(['np/x/third'], last)] }),
      endpointOf(c, { ingress: [tier(['gnp/first'], 'Pass', 'security'), ...tiers(last)] }),
    ]);
    expect(await differences(allFlows())).toEqual([]);
  }
  expect(await dataplane.resync()).toEqual([]);
}, 60_000);

const anyPeer = fc.record(
  {
    nets: fc.subarray(['10.65.0.2', '10.65.0.0/30', '192.0.2.0/24', '0.0.0.0/0', 'fd00::/8'], { minLength: 1 }),
    notNets: fc.subarray(['10.65.0.3', '10.65.0.4/31', '198.51.100.0/24']),
    sets: fc.subarray(['pod-a', 'low', 'outside'], { maxLength: 2 }),
    notSets: fc.subarray(['pod-a', 'low', 'outside'], { maxLength: 2 }),
    namedPortSets: fc.constant(['named']),
    notNamedPortSets: fc.constant(['named']),
  },
  { requiredKeys: [] },
);
const anyPorts = fc.subarray([
  { first: 80, last: 80 },
  { first: 81, last: 90 },
  { first: 1, last: 1023 },
  { first: 0, last: 65535 },
]);
const anyRule: fc.Arbitrary<Rule> = fc
  .record({
    action: fc.constantFrom('Allow', 'Allow', 'Deny', 'Pass', 'Log'),
    protocol: fc.constantFrom(undefined, 1, 6, 6, 17),
    notProtocol: fc.constantFrom(undefined, undefined, 6, 17, 1),
    icmp: fc.constantFrom(undefined, undefined, { type: 8 }, { type: 8, code: 1 }),
    notIcmp: fc.constantFrom(undefined, undefined, { type: 8 }, { type: 0 }),
    source: anyPeer,
    destination: anyPeer,
    ports: fc.tuple(anyPorts, anyPorts),
  })
  .map(({ ports: [yes, no], ...fields }): Rule => {
    const hasPorts = fields.protocol === 6 || fields.protocol === 17;
    const destination = hasPorts ? { ...fields.destination, ports: yes, notPorts: no } : fields.destination;
    const { action, ...rest } = fields;
    // constantFrom has widened the action to string.
    return { ...rest, action: action as Rule['action'], destination, index: 0 };
  });
const anyPolicies = fc.tuple(
  ...['np/r/1', 'np/r/2', 'np/r/3'].map((id) =>
    fc.record({
      id: fc.constant(id),
      ingress: fc.array(anyRule, { maxLength: 4 }),
      egress: fc.array(anyRule, { maxLength: 4 }),
    }),
  ),
);
const anyTiers = fc
  .array(
    fc.tuple(
      fc.subarray(['np/r/1', 'np/r/2', 'np/r/3'], { minLength: 1 }),
      fc.constantFrom('Deny' as const, 'Pass' as const),
    ),
    { maxLength: 2 },
  )
  .map((list) => list.map(([policies, last], index) => tier(policies, last, `t${index}`)));

test('random policies: the verdict of the kernel is the verdict of the rules', async () => {
  const seed = Number(process.env.SEED ?? Date.now() & 0x7fffffff);
  const worlds = fc.sample(
    fc.record({ policies: anyPolicies, tiers: fc.array(anyTiers, { minLength: 6, maxLength: 6 }) }),
    { numRuns: 25, seed },
  );
  let allowed = 0;
  let tried = 0;
  for (const [index, { policies, tiers }] of worlds.entries()) {
    await apply(
      policies,
      [a, b, c].map((pod, i) => endpointOf(pod, { ingress: tiers[2 * i], egress: tiers[2 * i + 1] })),
    );
    const context = `seed ${seed}, world ${index}`;
    expect(dataplane.problems(), context).toEqual([]);
    const flows = allFlows();
    tried += flows.length;
    allowed += flows.filter(({ place, flow }) => allows(applied, packetOf(place.address, flow))).length;
    expect(await differences(flows), context).toEqual([]);
    expect(await dataplane.resync(), context).toEqual([]);
  }
  // The worlds say something: neither everything nor nothing passes.
  expect(allowed).toBeGreaterThan(tried / 20);
  expect(allowed).toBeLessThan((tried * 19) / 20);
}, 180_000);
