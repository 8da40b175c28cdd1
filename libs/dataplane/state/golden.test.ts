import type { CompiledEndpoint, CompiledPolicy, PolicyDelta } from '@caracal/policy';
import { expect, test } from 'vitest';
import { marksOf } from '../render/marks.ts';
import { DesiredState } from './desired-state.ts';

/** A small node: a web pod behind two tiers, a database behind Kubernetes policies, an open pod with two addresses. */
const policies: CompiledPolicy[] = [
  {
    id: 'gnp/no-metadata',
    ingress: [],
    egress: [
      { action: 'Log', source: {}, destination: { nets: ['169.254.169.254'] }, index: 0 },
      { action: 'Deny', source: {}, destination: { nets: ['169.254.169.254'] }, index: 1 },
      { action: 'Pass', source: {}, destination: {}, index: 2 },
    ],
  },
  {
    id: 'knp/shop/db',
    ingress: [
      {
        action: 'Allow',
        protocol: 6,
        source: { sets: ['web'] },
        destination: { ports: [{ first: 5432, last: 5432 }] },
        index: 0,
      },
      { action: 'Allow', source: { nets: ['10.0.0.0/8'], notNets: ['10.9.0.0/16'] }, destination: {}, index: 1 },
    ],
    egress: [],
  },
  {
    id: 'np/shop/Web_to-everything.else',
    ingress: [{ action: 'Allow', protocol: 6, source: {}, destination: { namedPortSets: ['http'] }, index: 0 }],
    egress: [{ action: 'Allow', source: {}, destination: {}, index: 0 }],
  },
];
const endpoints: CompiledEndpoint[] = [
  {
    id: 'c1/eth0',
    interfaceName: 'cara1111aaaa222',
    addresses: ['10.65.0.2'],
    ingress: [{ name: 'default', policies: ['np/shop/Web_to-everything.else'], defaultAction: 'Deny' }],
    egress: [
      { name: 'security', policies: ['gnp/no-metadata'], defaultAction: 'Pass' },
      { name: 'default', policies: ['np/shop/Web_to-everything.else', 'knp/shop/db'], defaultAction: 'Deny' },
    ],
  },
  {
    id: 'c2/eth0',
    interfaceName: 'cara2222bbbb333',
    addresses: ['10.65.0.3'],
    ingress: [{ name: 'default', policies: ['knp/shop/db', 'np/shop/gone'], defaultAction: 'Deny' }],
    egress: [{ name: 'default', policies: ['knp/shop/db'], defaultAction: 'Deny' }],
  },
  {
    id: 'c3/eth0',
    interfaceName: 'cara3333cccc444',
    addresses: ['10.65.0.4', '10.65.0.5', 'fd00::1'],
    ingress: [],
    egress: [],
  },
];
const delta: PolicyDelta = {
  sets: [
    { definition: { id: 'web', type: 'net', family: 4 }, added: ['10.65.0.2'], removed: [] },
    { definition: { id: 'http', type: 'ip,port', family: 4 }, added: ['10.65.0.2,tcp:8080'], removed: [] },
  ],
  removedSets: [],
  policies,
  removedPolicies: [],
  endpoints,
  removedEndpoints: [],
};

test('the chains of a small node', async () => {
  const state = new DesiredState(4, marksOf(0xffff0000));
  state.update(delta);
  const text = [...state.chains]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([chain, rules]) => [`${chain}:`, ...rules.map((rule) => `  ${rule}`)].join('\n'))
    .join('\n');
  await expect(`${text}\n`).toMatchFileSnapshot('./golden/small-node.txt');
  expect(state.problems()).toEqual([]);
});

test('the chains of IPv6 say the same of its own addresses', () => {
  const state = new DesiredState(6, marksOf(0xffff0000));
  const ping = { action: 'Allow' as const, icmp: { type: 128 }, source: { sets: ['web6'] }, destination: {}, index: 0 };
  state.update({
    ...delta,
    sets: [{ definition: { id: 'web6', type: 'net', family: 6 }, added: ['fd00::2'], removed: [] }],
    policies: [{ id: 'np/shop/ping', ingress: [ping], egress: [] }],
    endpoints: [{ ...endpoints[2], ingress: [{ name: 'default', policies: ['np/shop/ping'], defaultAction: 'Deny' }] }],
  });
  const [policy] = [...state.chains].find(([chain]) => chain.startsWith('cara-pi-'))!;
  expect(state.chains.get(policy)).toEqual([
    '-p ipv6-icmp -m icmp6 --icmpv6-type 128 -m set --match-set cara6-n-web6 src -g cara-accept',
  ]);
  expect(state.chains.get('cara-fw-3333cccc444')).toEqual(['! -s fd00::1/128 -j DROP', '-j cara-conntrack']);
  expect(state.chains.get('cara-tw-3333cccc444')).toContain(`-j ${policy}`);
  expect(state.problems()).toEqual([]);
});
