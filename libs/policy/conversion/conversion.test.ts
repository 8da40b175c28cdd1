import type { ResourceOf } from '@caracal/api';
import { describe, expect, test } from 'vitest';
import { selectorText } from '../selectors/normalise.ts';
import { kubernetes, own } from '../testing/resources.ts';
import { convertPolicy } from './caracal-policy.ts';
import { convertKubernetesPolicy } from './kubernetes-policy.ts';
import { canonicalCidr, setMembers } from './nets.ts';
import type { PeerSource, PolicySource } from './policy-source.ts';

function k8s(spec: object): PolicySource {
  // kubernetes() makes this kind only.
  const resource = kubernetes({ name: 'p', namespace: 'shop' }, spec) as ResourceOf<'KubernetesNetworkPolicy'>;
  return convertKubernetesPolicy('p', 'shop', resource.spec, 4);
}

function calico(spec: object, namespace = 'shop'): PolicySource {
  const kind = namespace ? 'NetworkPolicy' : 'GlobalNetworkPolicy';
  const metadata = namespace ? { name: 'p', namespace } : { name: 'p' };
  // own() makes the kind that it is asked for.
  const resource = own(kind, metadata, spec) as ResourceOf<'NetworkPolicy'> | ResourceOf<'GlobalNetworkPolicy'>;
  return convertPolicy('p', namespace, resource.spec, 4);
}

/** Rules in a form that a person can read: selectors as text. */
function readable(source: PolicySource, direction: 'ingress' | 'egress'): unknown[] {
  const peer = (each: PeerSource) =>
    JSON.parse(
      JSON.stringify({
        ...each,
        selector: each.selector && selectorText(each.selector),
        notSelector: each.notSelector && selectorText(each.notSelector),
        namedPorts: each.namedPorts?.map(
          ({ name, protocol, selector }) => `${protocol}:${name}@${selectorText(selector)}`,
        ),
      }),
    );
  return source.rules()[direction].map(({ source: from, destination: to, ...rest }) => ({
    ...rest,
    source: peer(from),
    destination: peer(to),
  }));
}

const any = { action: 'Allow', source: {}, destination: {}, index: 0 };
const pods = 'projectcalico.org/orchestrator eq "k8s"';
const inShop = 'projectcalico.org/namespace eq "shop"';

describe("Kubernetes' policies", () => {
  test.each<[string, object, boolean, boolean]>([
    ['nothing but a selector', {}, true, false],
    ['ingress rules', { ingress: [{}] }, true, false],
    ['egress rules without policyTypes', { egress: [{}] }, true, true],
    ['only Egress', { policyTypes: ['Egress'] }, false, true],
    ['only Ingress in spite of egress rules', { policyTypes: ['Ingress'], egress: [{}] }, true, false],
    ['both', { policyTypes: ['Ingress', 'Egress'] }, true, true],
  ])('directions: %s', (_name, spec, ingress, egress) => {
    expect(k8s({ podSelector: {}, ...spec }).directions).toEqual({ ingress, egress });
  });

  test('select pods of the namespace, at order 1000 of tier default', () => {
    const { id, tier, order, selector } = k8s({ podSelector: { matchLabels: { app: 'db' } } });
    expect([id, tier, order]).toEqual(['knp/shop/p', 'default', 1000]);
    expect(selectorText(selector)).toBe(`and (app eq "db", ${inShop}, ${pods})`);
  });

  test.each<[string, object[], unknown[]]>([
    ['no rules', [], []],
    ['an empty rule', [{}], [any]],
    ['empty lists', [{ from: [], ports: [] }], [any]],
    [
      'every pod of the namespace',
      [{ from: [{ podSelector: {} }] }],
      [{ ...any, source: { selector: `and (${inShop}, ${pods})` } }],
    ],
    [
      'every pod',
      [{ from: [{ namespaceSelector: {} }] }],
      [{ ...any, source: { selector: `and (has projectcalico.org/namespace, ${pods})` } }],
    ],
    [
      'both selectors',
      [
        {
          from: [
            {
              namespaceSelector: { matchExpressions: [{ key: 'env', operator: 'NotIn', values: ['prod', 'stage'] }] },
              podSelector: { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] },
            },
          ],
        },
      ],
      [
        {
          ...any,
          source: {
            selector: `and (has projectcalico.org/namespace, not (has app), pcns.env notIn ["prod","stage"], ${pods})`,
          },
        },
      ],
    ],
    [
      'a block with exceptions, one of them of the other family',
      [
        {
          from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }, { ipBlock: { cidr: '2001:db8::/32' } }],
        },
      ],
      [{ ...any, source: { nets: ['10.0.0.0/8'], notNets: ['10.1.0.0/16'] } }],
    ],
    ['only blocks of the other family allow nothing', [{ from: [{ ipBlock: { cidr: '2001:db8::/32' } }] }], []],
    [
      'ports: of one protocol together, a range, a name, and a whole protocol',
      [{ ports: [{ port: 80 }, { port: 8000, endPort: 8010 }, { port: 'http' }, { protocol: 'UDP' }] }],
      [
        {
          ...any,
          protocol: 6,
          destination: {
            ports: [
              { first: 80, last: 80 },
              { first: 8000, last: 8010 },
            ],
            namedPorts: [`tcp:http@and (${inShop}, ${pods})`],
          },
        },
        { ...any, protocol: 17 },
      ],
    ],
    [
      'peers times protocols, with the index of their rule',
      [
        { from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] },
        {
          from: [{ ipBlock: { cidr: '10.0.0.0/8' } }, { ipBlock: { cidr: '192.0.2.1/32' } }],
          ports: [{ port: 1 }, { protocol: 'UDP', port: 2 }],
        },
      ],
      [
        { ...any, source: { nets: ['10.0.0.0/8'] } },
        ...['10.0.0.0/8', '192.0.2.1/32'].flatMap((net) =>
          [6, 17].map((protocol, i) => ({
            ...any,
            index: 1,
            protocol,
            source: { nets: [net] },
            destination: { ports: [{ first: i + 1, last: i + 1 }] },
          })),
        ),
      ],
    ],
  ])('ingress: %s', (_name, ingress, expected) => {
    expect(readable(k8s({ podSelector: {}, ingress }), 'ingress')).toEqual(expected);
  });

  test('egress: the peer is the destination, and names of ports are those of the peer', () => {
    const egress = [{ to: [{ podSelector: { matchLabels: { app: 'db' } } }], ports: [{ port: 'sql' }] }];
    const selector = `and (app eq "db", ${inShop}, ${pods})`;
    expect(readable(k8s({ podSelector: {}, egress }), 'egress')).toEqual([
      { ...any, protocol: 6, destination: { selector, namedPorts: [`tcp:sql@${selector}`] } },
    ]);
  });
});

describe('our own policies', () => {
  test('select within their namespace, or where namespaceSelector says', () => {
    expect(selectorText(calico({ selector: 'app == "db"' }).selector)).toBe(`and (app eq "db", ${inShop})`);
    expect(selectorText(calico({ serviceAccountSelector: 'role == "ci"' }).selector)).toBe(
      `and (has projectcalico.org/serviceaccount, pcsa.role eq "ci", ${inShop})`,
    );
    expect(selectorText(calico({ namespaceSelector: 'team == "a"' }, '').selector)).toBe(
      'and (has projectcalico.org/namespace, pcns.team eq "a")',
    );
    expect(selectorText(calico({ namespaceSelector: 'global()' }, '').selector)).toBe(
      'not (has projectcalico.org/namespace)',
    );
  });

  test.each<[string, object, string | undefined]>([
    ['a selector looks in the namespace', { selector: 'has(app)' }, `and (has app, ${inShop})`],
    ['so does a notSelector', { notSelector: 'has(app)' }, inShop],
    ['addresses need no namespace', { nets: ['10.0.0.0/8'] }, undefined],
    [
      'a namespaceSelector looks elsewhere',
      { selector: 'has(app)', namespaceSelector: 'all()' },
      'and (has app, has projectcalico.org/namespace)',
    ],
    [
      'service accounts by name',
      { serviceAccounts: { names: ['b', 'a'] } },
      `and (${inShop}, projectcalico.org/serviceaccount in ["a","b"])`,
    ],
  ])('%s', (_name, source, expected) => {
    const [rule] = calico({ ingress: [{ action: 'Allow', source }] }).rules().ingress;
    expect(rule.source.selector && selectorText(rule.source.selector)).toBe(expected);
  });

  test('a rule that names only nets of the other family, or its version, is left out', () => {
    const ingress = [
      { action: 'Deny', source: { nets: ['2001:db8::/32'] } },
      { action: 'Deny', ipVersion: 6 },
      { action: 'Deny', protocol: 'ICMPv6' },
      { action: 'Deny', source: { nets: ['2001:db8::/32', '10.1.2.3/32'], notNets: ['2001:db8::/48'] } },
    ];
    expect(readable(calico({ ingress }, ''), 'ingress')).toEqual([
      { ...any, action: 'Deny', index: 3, source: { nets: ['10.1.2.3/32'] } },
    ]);
  });
});

describe('nets', () => {
  test.each([
    ['10.1.2.3', '10.1.2.3/32', ['10.1.2.3']],
    ['10.1.2.3/8', '10.0.0.0/8', ['10.0.0.0/8']],
    ['10.1.2.3/32', '10.1.2.3/32', ['10.1.2.3']],
    ['0.0.0.0/0', '0.0.0.0/0', ['0.0.0.0/1', '128.0.0.0/1']],
  ])('%s', (text, cidr, members) => {
    expect(canonicalCidr(text, 4)).toBe(cidr);
    expect(setMembers(cidr, 4)).toEqual(members);
  });

  test('of the other family or malformed', () => {
    expect(['2001:db8::/32', '10.0.0.0/33', '10.0.0.0/', '10.0.0/8'].map((text) => canonicalCidr(text, 4))).toEqual(
      new Array(4).fill(undefined),
    );
    expect(setMembers(canonicalCidr('::/0', 6) ?? '', 6)).toEqual(['::/1', '8000::/1']);
    expect(setMembers(canonicalCidr('2001:DB8::1', 6) ?? '', 6)).toEqual(['2001:db8::1']);
  });
});
