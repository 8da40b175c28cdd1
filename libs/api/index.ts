export { checkTogether } from './check-together.ts';
export { documentOf } from './document.ts';
export { type Protocol, protocolNumber } from './fields/number.ts';
export type { BGPConfigurationSpec } from './kinds/bgp-configuration.ts';
export type { BGPFilterSpec } from './kinds/bgp-filter.ts';
export { type BGPPeerSpec, splitPeerIP } from './kinds/bgp-peer.ts';
export type { NodeSpec, PodSpec } from './kinds/core.ts';
export type { GlobalNetworkPolicySpec } from './kinds/global-network-policy.ts';
export type { HostEndpointSpec } from './kinds/host-endpoint.ts';
export { type SpecOf, specSchemas } from './kinds/index.ts';
export type { IPPoolSpec } from './kinds/ip-pool.ts';
export type { IPReservationSpec } from './kinds/ip-reservation.ts';
export type {
  KubernetesNetworkPolicySpec,
  KubernetesPeer,
  KubernetesPort,
  LabelSelector,
} from './kinds/kubernetes-network-policy.ts';
export type { NetworkPolicySpec } from './kinds/network-policy.ts';
export type { NetworkSetSpec } from './kinds/network-set.ts';
export type { NodeConfigurationSpec } from './kinds/node-configuration.ts';
export type { EntityRule, PolicyRule } from './kinds/policy-rule.ts';
export { defaultTier, kubernetesPolicyOrder, type TierSpec } from './kinds/tier.ts';
export * from './kinds.ts';
export { labelKeyComplaint, labelValueComplaint } from './metadata.ts';
export { nearest } from './nearest.ts';
export { type DocumentProblem, type ParsedResource, type ParsedResources, parseAll, parseResource } from './parse.ts';
export * from './resource.ts';
export { formatSelector, type ParsedSelector, parseSelector, type Selector } from './selector/index.ts';
