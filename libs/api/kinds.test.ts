import { expect, test } from 'vitest';
import { factsOf, findKind, kindNames, kindOf, nearest, splitPeerIP } from './index.ts';

test('kindOf maps groups and spellings', () => {
  expect(kindOf('networking.k8s.io/v1', 'NetworkPolicy')).toBe('KubernetesNetworkPolicy');
  expect(kindOf('networking.k8s.io/v1', 'KubernetesNetworkPolicy')).toBe('KubernetesNetworkPolicy');
  expect(kindOf('caracal.network/v1', 'NetworkPolicy')).toBe('NetworkPolicy');
  expect(kindOf('projectcalico.org/v3', 'NetworkPolicy')).toBe('NetworkPolicy');
  expect(kindOf('caracal.network/v1', 'Pod')).toBeUndefined();
  expect(kindOf('v1', 'Pod')).toBe('Pod');
});

test('findKind knows names, plurals and short names in any case', () => {
  expect(['IPPool', 'ippools', 'pool'].map(findKind)).toEqual(['IPPool', 'IPPool', 'IPPool']);
  expect(['gnp', 'GNP', 'knp', 'netpol', 'np', 'bgppeers'].map(findKind)).toEqual([
    'GlobalNetworkPolicy',
    'GlobalNetworkPolicy',
    'KubernetesNetworkPolicy',
    'KubernetesNetworkPolicy',
    'NetworkPolicy',
    'BGPPeer',
  ]);
  expect(findKind('networkpolicies.networking.k8s.io')).toBe('KubernetesNetworkPolicy');
  expect(findKind('networkpolicies.caracal.network')).toBe('NetworkPolicy');
  expect(findKind('pods.caracal.network')).toBeUndefined();
  expect(findKind('deployment')).toBeUndefined();
});

test('no two kinds share a name on the command line', () => {
  const words = kindNames.flatMap((kind) => [kind.toLowerCase(), factsOf(kind).plural, ...factsOf(kind).shortNames]);
  expect(new Set(words).size).toBe(words.length);
});

test('nearest finds slips, not guesses', () => {
  expect(nearest('blocksize', ['blockSize', 'cidr'])).toBe('blockSize');
  expect(nearest('Gloal', ['Global', 'Local'])).toBe('Global');
  expect(nearest('cat', ['blockSize', 'cidr'])).toBeUndefined();
});

test('splitPeerIP', () => {
  expect(splitPeerIP('192.0.2.1')).toEqual({ address: '192.0.2.1', port: 179 });
  expect(splitPeerIP('192.0.2.1:1179')).toEqual({ address: '192.0.2.1', port: 1179 });
  expect(splitPeerIP('2001:db8::1')).toEqual({ address: '2001:db8::1', port: 179 });
  expect(splitPeerIP('[2001:db8::1]:1179')).toEqual({ address: '2001:db8::1', port: 1179 });
  for (const text of ['', 'tor', '192.0.2.1:0', '192.0.2.1:70000', '[192.0.2.1]:179']) {
    expect(splitPeerIP(text)).toBeUndefined();
  }
});
