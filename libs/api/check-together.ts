/** What needs other objects to judge. */
import { comparePrefixes, parsePrefix, prefixCovers } from '@caracal/net';
import { defaultTier } from './kinds/tier.ts';
import { nearest } from './nearest.ts';
import { type AnyResource, objectName, type Problem, type ResourceOf } from './resource.ts';

/**
 * Checks a whole set of valid resources, as it would stand after a change (also after a deletion). Of two that contradict each other the problem
 * names as its object the one that comes later in the list: give those that are stored first, then those that are new.
 */
export function checkTogether(resources: readonly AnyResource[]): Problem[] {
  return [...overlappingPools(resources), ...missingTiers(resources), ...missingFilters(resources)];
}

function overlappingPools(resources: readonly AnyResource[]): Problem[] {
  const pools = resources
    .filter((resource) => resource.kind === 'IPPool')
    .map((pool, position) => ({ pool, position, prefix: parsePrefix(pool.spec.cidr)! }))
    .sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  const problems: Problem[] = [];
  // Prefixes nest or are disjoint: in this order those that cover the present one lie on a stack.
  const covering: (typeof pools)[number][] = [];
  for (const entry of pools) {
    while (covering.length > 0 && !prefixCovers(covering.at(-1)!.prefix, entry.prefix)) covering.pop();
    for (const outer of covering) {
      const [earlier, later] = outer.position < entry.position ? [outer.pool, entry.pool] : [entry.pool, outer.pool];
      problems.push({
        object: objectName('IPPool', later.metadata),
        field: 'spec.cidr',
        message: `${later.spec.cidr} overlaps ${earlier.spec.cidr} of ${objectName('IPPool', earlier.metadata)}`,
      });
    }
    covering.push(entry);
  }
  return problems;
}

function missingTiers(resources: readonly AnyResource[]): Problem[] {
  const tiers = new Set<string>([defaultTier.name]);
  for (const resource of resources) if (resource.kind === 'Tier') tiers.add(resource.metadata.name);
  const problems: Problem[] = [];
  for (const resource of resources) {
    if (resource.kind !== 'NetworkPolicy' && resource.kind !== 'GlobalNetworkPolicy') continue;
    const { tier } = resource.spec;
    if (tiers.has(tier)) continue;
    problems.push({
      object: objectName(resource.kind, resource.metadata),
      field: 'spec.tier',
      message: noSuch('Tier', tier, tiers),
    });
  }
  return problems;
}

function missingFilters(resources: readonly AnyResource[]): Problem[] {
  const filters = new Set<string>();
  for (const resource of resources) if (resource.kind === 'BGPFilter') filters.add(resource.metadata.name);
  return resources
    .filter((resource): resource is ResourceOf<'BGPPeer'> => resource.kind === 'BGPPeer')
    .flatMap((peer) =>
      [...peer.spec.filters.entries()]
        .filter(([, name]) => !filters.has(name))
        .map(([i, name]) => ({
          object: objectName('BGPPeer', peer.metadata),
          field: `spec.filters[${i}]`,
          message: noSuch('BGPFilter', name, filters),
        })),
    );
}

function noSuch(kind: string, name: string, existing: ReadonlySet<string>): string {
  const meant = nearest(name, existing);
  if (meant) return `there is no ${kind} ${name}; did you mean ${meant}?`;
  return existing.size > 0
    ? `there is no ${kind} ${name}; there are ${[...existing].sort().join(', ')}`
    : `there is no ${kind} ${name}, nor any other`;
}
