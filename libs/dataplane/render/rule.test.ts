import type { Rule, SetDefinition } from '@caracal/policy';
import { expect, test } from 'vitest';
import { marksOf } from './marks.ts';
import { renderRule } from './rule.ts';

const sets: Record<string, SetDefinition> = {
  s1: { id: 's1', type: 'net', family: 4 },
  s2: { id: 's2', type: 'net', family: 4 },
  p1: { id: 'p1', type: 'ip,port', family: 4 },
  p2: { id: 'p2', type: 'ip,port', family: 4 },
};
const context = {
  family: 4 as const,
  marks: marksOf(0xffff0000),
  set: (id: string) => (sets[id] ? { definition: sets[id] } : { problem: 'it does not exist' }),
  logPrefix: 'knp/shop/db',
};
const allow = (rule: Partial<Rule>): Rule => ({ action: 'Allow', source: {}, destination: {}, index: 0, ...rule });
const ports = (...list: (number | [number, number])[]) =>
  list.map((port) => (typeof port === 'number' ? { first: port, last: port } : { first: port[0], last: port[1] }));

const one: [string, Partial<Rule>, string][] = [
  ['everything', {}, '-g cara-accept'],
  ['deny', { action: 'Deny' }, '-j DROP'],
  ['pass', { action: 'Pass' }, '-g cara-pass'],
  ['log', { action: 'Log', protocol: 17 }, '-p udp -j LOG --log-prefix "knp/shop/db: "'],
  ['protocol', { protocol: 50 }, '-p 50 -g cara-accept'],
  ['not protocol', { notProtocol: 6 }, '! -p tcp -g cara-accept'],
  ['one net', { source: { nets: ['10.0.0.0/8'] } }, '-s 10.0.0.0/8 -g cara-accept'],
  ['one address', { destination: { nets: ['10.0.0.1'] } }, '-d 10.0.0.1/32 -g cara-accept'],
  ['any net', { source: { nets: ['10.0.0.0/8', '0.0.0.0/0'] } }, '-g cara-accept'],
  ['one of another family besides', { source: { nets: ['fd00::/8', '10.0.0.0/8'] } }, '-s 10.0.0.0/8 -g cara-accept'],
  ['not of another family', { source: { notNets: ['fd00::/8'] } }, '-g cara-accept'],
  ['not one net', { destination: { notNets: ['10.0.0.0/8'] } }, '! -d 10.0.0.0/8 -g cara-accept'],
  [
    'sets',
    { source: { sets: ['s1', 's2'], notSets: ['s2'] }, destination: { sets: ['s1'] } },
    '-m set --match-set cara4-n-s1 src -m set --match-set cara4-n-s2 src -m set ! --match-set cara4-n-s2 src ' +
      '-m set --match-set cara4-n-s1 dst -g cara-accept',
  ],
  [
    'ports',
    { protocol: 6, destination: { ports: ports(80, [8000, 8080]) } },
    '-p tcp -m multiport --dports 80,8000:8080 -g cara-accept',
  ],
  ['all ports', { protocol: 6, destination: { ports: ports([0, 65535], 5) } }, '-p tcp -g cara-accept'],
  [
    'ports of both ends',
    { protocol: 17, source: { ports: ports(53) }, destination: { notPorts: ports([1, 1023]) } },
    '-p udp -m multiport --sports 53 -m multiport ! --dports 1:1023 -g cara-accept',
  ],
  [
    'a named port',
    { protocol: 6, destination: { namedPortSets: ['p1'] } },
    '-p tcp -m set --match-set cara4-p-p1 dst,dst -g cara-accept',
  ],
  [
    'not a named port',
    { source: { notNamedPortSets: ['p1'] } },
    '-m set ! --match-set cara4-p-p1 src,src -g cara-accept',
  ],
  ['icmp', { protocol: 1, icmp: { type: 8 } }, '-p icmp -m icmp --icmp-type 8 -g cara-accept'],
  ['icmp with code', { icmp: { type: 3, code: 1 } }, '-p icmp -m icmp --icmp-type 3/1 -g cara-accept'],
  ['not icmp', { protocol: 1, notIcmp: { type: 8 } }, '-p icmp -m icmp ! --icmp-type 8 -g cara-accept'],
];
test.each(one)('%s', (_, rule, text) => {
  expect(renderRule(allow(rule), context)).toEqual({ ok: true, rules: [text] });
});

const never: [string, Partial<Rule>][] = [
  ['only nets of another family', { source: { nets: ['fd00::/8'] } }],
  ['outside of everything', { source: { notNets: ['0.0.0.0/0'] } }],
  ['a protocol and not that protocol', { protocol: 6, notProtocol: 6 }],
  ['ICMPv6', { protocol: 58, icmp: { type: 128 } }],
  ['no port', { protocol: 6, destination: { notPorts: ports([0, 65535]) } }],
];
test.each(never)('can not match: %s', (_, rule) => {
  expect(renderRule(allow(rule), context)).toEqual({ ok: true, rules: [] });
});

const wrong: [string, Partial<Rule>, string][] = [
  ['ports without protocol', { destination: { ports: ports(80) } }, 'it names ports, and protocol any has none'],
  ['ports of ICMP', { protocol: 1, destination: { notPorts: ports(80) } }, 'it names ports, and protocol 1 has none'],
  ['an unknown set', { source: { sets: ['s9'] } }, 'set s9: it does not exist'],
  ['a set of another type', { source: { sets: ['p1'] } }, 'set p1 is of type ip,port, not net'],
  ['no net', { source: { nets: ['10.0.0.0/33'] } }, '10.0.0.0/33 is no address and no CIDR'],
  ['no range', { protocol: 6, source: { ports: ports([90, 80]) } }, '90:80 is no range of ports'],
  ['protocol 0, which is any to iptables', { protocol: 0 }, 'protocol 0 is not between 1 and 255'],
  ['ICMP type 255, which is any to iptables', { icmp: { type: 255 } }, 'ICMP type 255, code undefined does not exist'],
];
test.each(wrong)('can not be said: %s', (_, rule, message) => {
  expect(renderRule(allow(rule), context)).toEqual({ ok: false, message });
});

test('two alternatives and an exception work through the scratch marks', () => {
  const rule = allow({
    protocol: 6,
    source: { nets: ['10.1.0.0/16', '10.2.0.0/16'] },
    destination: { nets: ['10.3.0.0/16'], notNets: ['10.3.9.0/24'], ports: ports(80), namedPortSets: ['p1'] },
  });
  expect(renderRule(rule, context)).toEqual({
    ok: true,
    rules: [
      '-j cara-no-match',
      '-s 10.1.0.0/16 -j cara-match',
      '-s 10.2.0.0/16 -j cara-match',
      '-j cara-no-any',
      '-p tcp -m tcp --dport 80 -j cara-any',
      '-m set --match-set cara4-p-p1 dst,dst -j cara-any',
      '-m mark --mark 0x0/0x80000 -j cara-no-match',
      '-d 10.3.9.0/24 -j cara-no-match',
      '-d 10.3.0.0/16 -p tcp -m mark --mark 0x40000/0x40000 -g cara-accept',
    ],
  });
});

test('multiport takes fifteen places, a range two of them', () => {
  const rendered = renderRule(
    allow({ protocol: 6, destination: { ports: ports(...Array.from({ length: 14 }, (_, i) => i + 1), [20, 30]) } }),
    context,
  );
  expect(rendered).toMatchObject({
    rules: [
      '-j cara-no-match',
      '-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14 -j cara-match',
      '-p tcp -m tcp --dport 20:30 -j cara-match',
      '-p tcp -m mark --mark 0x40000/0x40000 -g cara-accept',
    ],
  });
});
