import { expect, test } from 'vitest';
import { reachOf } from './reach.ts';

const chains = new Map<string, readonly string[]>([
  ['cara-FORWARD', ['-i cara+ -j cara-fd-', '-o cara+ -j cara-td-', '-i cara+ -j ACCEPT']],
  ['cara-fd-', ['-i cara1+ -g cara-fd-1', '-i cara2+ -g cara-fd-2', '-j DROP']],
  ['cara-fd-1', ['-i cara12 -g cara-fw-12', '-i cara1 -g cara-fw-1', '-j DROP']],
  ['cara-fd-2', ['-i cara21 -g cara-fw-21', '-j DROP']],
  ['cara-td-', ['-o cara12 -g cara-tw-12', '-o cara21 -g cara-tw-21', '-j DROP']],
  ['cara-fw-12', ['-j cara-conntrack', '-j cara-po-a']],
  ['cara-tw-12', ['-j cara-pi-a']],
  ['cara-fw-1', ['-j cara-po-b']],
  ['cara-fw-21', ['-j cara-po-b']],
  ['cara-tw-21', ['-j cara-po-b']],
  ['cara-conntrack', ['-m conntrack --ctstate INVALID -j DROP']],
  ['cara-po-a', ['-m set --match-set cara4-n-s1 src -m set ! --match-set cara4-n-s2 dst -g cara-accept']],
  ['cara-pi-a', ['-m set --match-set cara4-p-s3 dst,dst -g cara-accept']],
  ['cara-po-b', ['-m set --match-set cara4-n-s4 src -g cara-accept']],
  ['cara-accept', []],
]);

test('the way of an interface: its branch of the tree, its chains, its policies and their sets', () => {
  const reach = reachOf(['cara-FORWARD'], 'cara12', (chain) => chains.get(chain));
  expect([...reach.chains].sort()).toEqual([
    'cara-FORWARD',
    'cara-accept',
    'cara-conntrack',
    'cara-fd-',
    'cara-fd-1',
    'cara-fw-12',
    'cara-pi-a',
    'cara-po-a',
    'cara-td-',
    'cara-tw-12',
  ]);
  expect([...reach.sets].sort()).toEqual(['cara4-n-s1', 'cara4-n-s2', 'cara4-p-s3']);
});

test('chains that lead back, and targets that are no chain of ours', () => {
  const loop = new Map<string, readonly string[]>([
    ['a', ['-j b', '-j DROP']],
    ['b', ['-j a']],
  ]);
  expect([...reachOf(['a'], 'cara1', (chain) => loop.get(chain)).chains].sort()).toEqual(['a', 'b']);
});
