/** The schema of the `spec` of every kind. */
import type * as z from 'zod';
import type { Kind } from '../kinds.ts';
import { bgpConfigurationSpec } from './bgp-configuration.ts';
import { bgpFilterSpec } from './bgp-filter.ts';
import { bgpPeerSpec } from './bgp-peer.ts';
import { namespaceSpec, nodeSpec, podSpec, serviceAccountSpec } from './core.ts';
import { globalNetworkPolicySpec } from './global-network-policy.ts';
import { hostEndpointSpec } from './host-endpoint.ts';
import { ipPoolSpec } from './ip-pool.ts';
import { ipReservationSpec } from './ip-reservation.ts';
import { kubernetesNetworkPolicySpec } from './kubernetes-network-policy.ts';
import { networkPolicySpec } from './network-policy.ts';
import { networkSetSpec } from './network-set.ts';
import { nodeConfigurationSpec } from './node-configuration.ts';
import { endpointSliceSpec, serviceSpec } from './service.ts';
import { tierSpec } from './tier.ts';

export const specSchemas = {
  IPPool: ipPoolSpec,
  IPReservation: ipReservationSpec,
  BGPConfiguration: bgpConfigurationSpec,
  BGPPeer: bgpPeerSpec,
  BGPFilter: bgpFilterSpec,
  NodeConfiguration: nodeConfigurationSpec,
  Tier: tierSpec,
  NetworkPolicy: networkPolicySpec,
  GlobalNetworkPolicy: globalNetworkPolicySpec,
  KubernetesNetworkPolicy: kubernetesNetworkPolicySpec,
  NetworkSet: networkSetSpec,
  GlobalNetworkSet: networkSetSpec,
  HostEndpoint: hostEndpointSpec,
  Namespace: namespaceSpec,
  ServiceAccount: serviceAccountSpec,
  Pod: podSpec,
  Node: nodeSpec,
  Service: serviceSpec,
  EndpointSlice: endpointSliceSpec,
} as const satisfies Record<Kind, z.ZodType>;

/** The validated spec of a kind, with defaults. */
export type SpecOf<K extends Kind> = z.output<(typeof specSchemas)[K]>;
