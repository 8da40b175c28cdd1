import type { CompiledEndpoint } from '@caracal/policy';
import { expect, test } from 'vitest';
import { type PolicyReference, renderEndpoint } from './endpoint.ts';
import { marksOf } from './marks.ts';

const marks = marksOf(0xf0000);
const undecided = '-m mark --mark 0x0/0x30000';
const accepted = '-m mark --mark 0x10000/0x10000 -j RETURN';

test('many policies: a rule each, asked only while none has decided, and a return now and then', () => {
  const policies = Array.from({ length: 19 }, (_, i) => `p${i}`);
  // p3 says nothing about this direction, p18 is not there.
  const find = (id: string): PolicyReference =>
    id === 'p3' ? 'empty' : id === 'p18' ? 'missing' : { chain: `c-${id}`, onlyAllows: false };
  const endpoint: CompiledEndpoint = {
    id: 'e',
    interfaceName: 'cara0',
    addresses: ['10.65.0.1'],
    ingress: [{ name: 'default', policies, defaultAction: 'Deny' }],
    egress: [],
  };
  const asked = (from: number, to: number) => policies.slice(from, to).map((id) => `${undecided} -j c-${id}`);
  expect(renderEndpoint(endpoint, 'ingress', 4, marks, find)).toEqual([
    '-j cara-conntrack',
    accepted,
    '-j c-p0',
    ...asked(1, 3),
    ...asked(4, 9),
    accepted,
    ...asked(9, 17),
    accepted,
    ...asked(17, 18),
    `${undecided} -j DROP`,
    `${undecided} -j DROP`,
  ]);
});

test('policies that do nothing but allow are asked all, up to the first that may do more', () => {
  const policies = Array.from({ length: 12 }, (_, i) => `p${i}`);
  const find = (id: string): PolicyReference => ({ chain: `c-${id}`, onlyAllows: id !== 'p10' });
  const endpoint: CompiledEndpoint = {
    id: 'e',
    interfaceName: 'cara0',
    addresses: ['10.65.0.1'],
    ingress: [
      { name: 'first', policies, defaultAction: 'Pass' },
      { name: 'second', policies: ['p0', 'p1'], defaultAction: 'Deny' },
    ],
    egress: [],
  };
  expect(renderEndpoint(endpoint, 'ingress', 4, marks, find)).toEqual([
    '-j cara-conntrack',
    accepted,
    ...policies.slice(0, 8).map((id) => `-j c-${id}`),
    accepted,
    '-j c-p8',
    '-j c-p9',
    `${undecided} -j c-p10`,
    `${undecided} -j c-p11`,
    accepted,
    '-j cara-clear-pass',
    '-j c-p0',
    '-j c-p1',
    `${undecided} -j DROP`,
  ]);
});
