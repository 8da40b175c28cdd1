/** What is said of a document whose kind there is not. */
import { calicoApiVersion, factsOf, kindNames } from './kinds.ts';
import { nearest } from './nearest.ts';
import { show } from './plain.ts';

const instead: Readonly<Record<string, string>> = {
  [`${calicoApiVersion}/Node`]: 'what Calico keeps on its Node is a NodeConfiguration of the same name here',
  [`${calicoApiVersion}/StagedNetworkPolicy`]:
    'use a NetworkPolicy with spec.enforcement: Staged, under a name of its own',
  [`${calicoApiVersion}/StagedGlobalNetworkPolicy`]:
    'use a GlobalNetworkPolicy with spec.enforcement: Staged, under a name of its own',
  [`${calicoApiVersion}/StagedKubernetesNetworkPolicy`]:
    'use a NetworkPolicy of caracal.network/v1 with spec.enforcement: Staged, under a name of its own',
  [`${calicoApiVersion}/FelixConfiguration`]: 'agents are configured by their own file',
  [`${calicoApiVersion}/Profile`]: 'there are no profiles: use a GlobalNetworkPolicy',
  [`${calicoApiVersion}/WorkloadEndpoint`]: 'endpoints are made by the CNI plugin',
  'policy.networking.k8s.io/v1alpha2/ClusterNetworkPolicy': 'use a GlobalNetworkPolicy in a Tier of its own',
};

/** Why there is no kind of that name, and what there is. */
export function unknownKind(apiVersion: string, kind: string): { field: string; message: string } {
  const advice = instead[`${apiVersion}/${kind}`];
  if (advice) return { field: 'kind', message: `there is no ${kind} here: ${advice}` };
  const sameKind = kindNames.filter((name) => (factsOf(name).documentKind ?? name) === kind || name === kind);
  if (sameKind.length > 0) {
    const versions = sameKind.map((name) => factsOf(name).apiVersion);
    return { field: 'apiVersion', message: `${show(apiVersion)} is not that of ${kind}: use ${versions.join(' or ')}` };
  }
  const meant = nearest(kind, kindNames);
  return {
    field: 'kind',
    message: `${show(kind)} is no kind; ${meant ? `did you mean ${meant}?` : `there are ${kindNames.join(', ')}`}`,
  };
}
