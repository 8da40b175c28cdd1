import type { PolicyId } from './model.ts';

const prefixes = { NetworkPolicy: 'np', GlobalNetworkPolicy: 'gnp', KubernetesNetworkPolicy: 'knp' } as const;

/** The kinds of policies. */
export type PolicyKind = keyof typeof prefixes;

/** How a policy is called in the compiled state and in explanations: `gnp/NAME`, `np/NAMESPACE/NAME`, `knp/NAMESPACE/NAME`. */
export function policyId(kind: PolicyKind, namespace: string, name: string): PolicyId {
  return namespace ? `${prefixes[kind]}/${namespace}/${name}` : `${prefixes[kind]}/${name}`;
}
