import { describe, expect, test } from 'vitest';
import { type AnyResource, checkTogether, formatProblem, parseResource } from './index.ts';

function resource(kind: string, name: string, spec: object): AnyResource {
  const parsed = parseResource({ apiVersion: 'caracal.network/v1', kind, metadata: { name }, spec });
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  return parsed.resource;
}

const problemsOf = (...resources: AnyResource[]) => checkTogether(resources).map(formatProblem);
const peer = { peerIP: '192.0.2.1', asNumber: 64512 };

describe('checkTogether', () => {
  test('pools that are disjoint, and policies of tiers that there are, are right', () => {
    expect(
      problemsOf(
        resource('IPPool', 'a', { cidr: '10.0.0.0/17' }),
        resource('IPPool', 'b', { cidr: '10.0.128.0/17' }),
        resource('IPPool', 'c', { cidr: '2001:db8::/64' }),
        resource('GlobalNetworkPolicy', 'p', { tier: 'security' }),
        resource('NetworkPolicy', 'q', {}),
        resource('Tier', 'security', {}),
        resource('BGPFilter', 'f', {}),
        resource('BGPPeer', 'tor', { ...peer, filters: ['f'] }),
      ),
    ).toEqual([]);
  });

  test('overlapping pools name both, the later in the list as the object', () => {
    const wide = resource('IPPool', 'wide', { cidr: '10.0.0.0/8' });
    const narrow = resource('IPPool', 'narrow', { cidr: '10.1.0.0/16' });
    expect(problemsOf(wide, narrow)).toEqual([
      'IPPool/narrow: spec.cidr: 10.1.0.0/16 overlaps 10.0.0.0/8 of IPPool/wide',
    ]);
    expect(problemsOf(narrow, wide)).toEqual([
      'IPPool/wide: spec.cidr: 10.0.0.0/8 overlaps 10.1.0.0/16 of IPPool/narrow',
    ]);
  });

  test('finds every pair, also those nested twice and those after a neighbour', () => {
    const found = problemsOf(
      resource('IPPool', 'a', { cidr: '10.0.0.0/8' }),
      resource('IPPool', 'b', { cidr: '10.0.0.0/16' }),
      resource('IPPool', 'c', { cidr: '10.0.1.0/24' }),
      resource('IPPool', 'd', { cidr: '10.255.0.0/16' }),
      resource('IPPool', 'e', { cidr: '10.0.0.0/8' }),
    );
    expect(found).toHaveLength(3 + 1 + 1 + 3);
    expect(found).toContain('IPPool/d: spec.cidr: 10.255.0.0/16 overlaps 10.0.0.0/8 of IPPool/a');
    expect(found).toContain('IPPool/e: spec.cidr: 10.0.0.0/8 overlaps 10.0.0.0/8 of IPPool/a');
  });

  test('a policy of a missing tier, a peer with a missing filter', () => {
    expect(
      problemsOf(
        resource('Tier', 'security', {}),
        resource('GlobalNetworkPolicy', 'p', { tier: 'securty' }),
        resource('NetworkPolicy', 'q', { tier: 'platform' }),
        resource('BGPPeer', 'tor', { ...peer, filters: ['f'] }),
      ),
    ).toEqual([
      'GlobalNetworkPolicy/p: spec.tier: there is no Tier securty; did you mean security?',
      'NetworkPolicy/default/q: spec.tier: there is no Tier platform; there are default, security',
      'BGPPeer/tor: spec.filters[0]: there is no BGPFilter f, nor any other',
    ]);
  });
});
