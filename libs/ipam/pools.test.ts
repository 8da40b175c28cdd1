import { describe, expect, it, test } from 'vitest';
import { type AddressRequest, type PoolCandidate, wishesFor } from './index.ts';

const pool = (name: string, cidr: string, more: Partial<PoolCandidate> = {}): PoolCandidate => ({
  name,
  cidr,
  disabled: false,
  assignmentMode: 'Automatic',
  allowedUses: ['Workload', 'Tunnel'],
  selectsNode: true,
  selectsNamespace: true,
  ...more,
});

const v4 = pool('b', '10.0.0.0/16');
const other = pool('a', '10.1.0.0/16');
const v6 = pool('six', 'fd00::/64');

/** The pools of each wish, `ADDRESS@POOL` where one is named, or the message. */
function wished(pools: readonly PoolCandidate[], request: AddressRequest = {}): readonly string[] | string {
  const result = wishesFor(pools, request);
  if (!result.ok) return result.message;
  return result.wishes.map(({ pools: names, address }) => (address ? `${address}@${names}` : names.join(' ')));
}

describe('who does not ask gets an address of each family that a pool is for', () => {
  it.each<[string, PoolCandidate[], readonly string[] | string]>([
    ['of pools in the order of their names', [v4, other], ['a b']],
    ['of both families', [v4, v6], ['b', 'six']],
    ['not of a disabled one', [v4, { ...other, disabled: true }], ['b']],
    ['not of a Manual one', [v4, { ...other, assignmentMode: 'Manual' }], ['b']],
    ['not of one that does not select the node', [v4, { ...other, selectsNode: false }], ['b']],
    ['nor of one that does not select the namespace', [v4, { ...other, selectsNamespace: false }], ['b']],
    ['not of one for other uses', [v4, { ...other, allowedUses: ['LoadBalancer'] }], ['b']],
  ])('%s', (_, pools, wishes) => {
    expect(wished(pools)).toEqual(wishes);
  });
});

test.each([
  ['Tunnel', ['b', 'six']],
  ['LoadBalancer', ['lb']],
] as const)('an address for %s comes of pools that allow it', (use, wishes) => {
  const pools = [v4, v6, pool('lb', '192.0.2.0/24', { allowedUses: ['LoadBalancer'] })];
  expect(wished(pools, { use })).toEqual(wishes);
});

describe('who asks gets exactly that', () => {
  it.each<[string, AddressRequest, readonly string[] | string]>([
    ['one family', { families: [6] }, ['six']],
    ['both', { families: [4, 6] }, ['a b', 'six']],
    ['a pool by name, though it is Manual and selects no such namespace', { pools: ['manual'] }, ['manual']],
    ['a pool by its CIDR', { pools: ['10.2.0.0/16'] }, ['manual']],
    ['an address, also of a Manual pool', { addresses: ['10.2.0.9'] }, ['10.2.0.9@manual']],
    ['an address of each family', { addresses: ['10.0.0.9', 'fd00:0::9'] }, ['10.0.0.9@b', 'fd00::9@six']],
    ['an address, and any of the other family', { addresses: ['10.0.0.9'], families: [4, 6] }, ['10.0.0.9@b', 'six']],
  ])('%s', (_, request, wishes) => {
    const manual = pool('manual', '10.2.0.0/16', { assignmentMode: 'Manual', selectsNamespace: false });
    expect(wished([v4, other, v6, manual], request)).toEqual(wishes);
  });
});

describe('what cannot be had is refused by its name, and nothing is given of the rest', () => {
  it.each<[string, PoolCandidate[], AddressRequest, string]>([
    ['no address', [v4], { addresses: ['ten'] }, 'the requested address "ten" is no IP address'],
    ['in no pool', [v4], { addresses: ['192.0.2.1'] }, 'the requested address 192.0.2.1 lies in no IPPool'],
    [
      'in a disabled one',
      [{ ...v4, disabled: true }],
      { addresses: ['10.0.0.1'] },
      'the requested address 10.0.0.1 lies in IPPool/b, which is disabled',
    ],
    [
      'in one for other uses',
      [{ ...v4, allowedUses: ['LoadBalancer'] }],
      { addresses: ['10.0.0.1'] },
      'the requested address 10.0.0.1 lies in IPPool/b, not for Workload',
    ],
    ['a pool that there is not', [v4], { pools: ['gone'] }, 'there is no IPPool gone'],
    [
      'a family of no pool',
      [v4],
      { families: [4, 6] },
      "no enabled IPv6 IPPool selects this node and the pod's namespace; apply one, or its selectors",
    ],
    [
      'a family that the named pools are not of',
      [v4, v6],
      { families: [4, 6], pools: ['b'] },
      'none of the requested pools (b) is an enabled IPv6 pool that selects this node',
    ],
    [
      'a pool for services',
      [v4],
      { families: [4], use: 'LoadBalancer' },
      'there is no enabled IPv4 IPPool whose allowedUses is [LoadBalancer] and whose assignmentMode is Automatic: apply one',
    ],
  ])('%s', (_, pools, request, message) => {
    expect(wished(pools, request)).toBe(message);
  });
});
