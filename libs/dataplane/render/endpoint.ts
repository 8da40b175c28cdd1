import type { Family } from '@caracal/net';
import { parseAddress } from '@caracal/net';
import type { CompiledEndpoint, Direction, PolicyId } from '@caracal/policy';
import { hostLength } from './family.ts';
import { isClear, isSet, type Marks } from './marks.ts';
import { chains } from './names.ts';

/**
 * What an endpoint's chain finds of a policy: its chain, no rules in this direction, or no such policy. `onlyAllows`: all that the chain can do is
 * to set the accept mark.
 */
export type PolicyReference = { readonly chain: string; readonly onlyAllows: boolean } | 'empty' | 'missing';

/**
 * So many policies are asked one after another, each only if none before has decided: a rule a policy, where a return after each would
 * make it two. The kernel walks all rules when it takes any (nft_table_validate), so they cost with every pod that comes, by
 * each match: as long as all do nothing but allow, as NetworkPolicies do, the next may as well allow once more what is allowed.
 */
const policiesBeforeReturn = 8;

/**
 * The chain of an endpoint in one direction: returns what is allowed, drops the rest. What would go to a policy that is
 * missing is dropped.
 */
export function renderEndpoint(
  endpoint: CompiledEndpoint,
  direction: Direction,
  family: Family,
  marks: Marks,
  find: (policy: PolicyId) => PolicyReference,
): readonly string[] {
  const rules: string[] = [];
  if (direction === 'egress') rules.push(...antiSpoofing(endpoint.addresses, family, marks));
  rules.push(`-j ${chains.conntrack}`);
  const tiers = endpoint[direction].filter((tier) => tier.policies.length > 0);
  // Without tiers everything returns anyway.
  if (tiers.length > 0) rules.push(`${isSet(marks.accept)} -j RETURN`);
  const undecided = isClear(marks.accept | marks.pass);
  tiers.forEach((tier, index) => {
    if (index > 0) {
      rules.push(`${isSet(marks.accept)} -j RETURN`);
      // cara-conntrack has cleared all bits.
      rules.push(`-j ${chains.clearPass}`);
    }
    let asked = 0;
    let allowing = true;
    for (const policy of tier.policies) {
      const found = find(policy);
      if (found === 'empty') continue;
      if (asked > 0 && asked % policiesBeforeReturn === 0) rules.push(`${isSet(marks.accept)} -j RETURN`);
      allowing &&= found !== 'missing' && found.onlyAllows;
      const condition = asked === 0 || allowing ? '' : `${undecided} `;
      rules.push(`${condition}-j ${found === 'missing' ? 'DROP' : found.chain}`);
      asked++;
    }
    if (tier.defaultAction === 'Deny') rules.push(`${undecided} -j DROP`);
  });
  return rules;
}

/**
 * Drops what has another source than the endpoint's own; before the look at established flows, so that a pod can't put
 * packets into another's flow either.
 */
function antiSpoofing(addresses: readonly string[], family: Family, marks: Marks): string[] {
  const own = addresses.filter((address) => parseAddress(address)?.family === family);
  if (own.length === 0) return ['-j DROP'];
  if (own.length === 1) return [`! -s ${own[0]}/${hostLength[family]} -j DROP`];
  return [
    `-j ${chains.clear}`,
    ...own.map((address) => `-s ${address}/${hostLength[family]} -j ${chains.pass}`),
    `${isClear(marks.pass)} -j DROP`,
  ];
}
