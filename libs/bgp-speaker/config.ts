import type { RouteFamily } from 'bgp-parser';

export type PolicyAction = 'Accept' | 'Reject';

/** What becomes of every route of a direction: one action, or one for each family. */
export type Policy = PolicyAction | Readonly<Record<RouteFamily, PolicyAction>>;

/** Whether the policy lets routes of the family through. */
export function accepts(policy: Policy, family: RouteFamily): boolean {
  return (typeof policy === 'string' ? policy : policy[family]) === 'Accept';
}

export interface PeerConfig {
  /** Unique among the peers: the BGPPeer's name, or `mesh-NODE`. */
  readonly name: string;
  /** Of several peers with one address the first is used; the others stay Idle and say so. */
  readonly peerAddress: string;
  /** The listen port of the configuration when absent. */
  readonly peerPort?: number;
  readonly peerAs: number;
  /** The source address of our connections; the kernel chooses when absent. */
  readonly localAddress?: string;
  /** 0, or at least 3. */
  readonly holdTimeSeconds: number;
  /** The longest wait between attempts; shorter ones come first. */
  readonly connectRetrySeconds: number;
  /** Wait for the peer's connection, never start one. */
  readonly passive: boolean;
  readonly families: readonly RouteFamily[];
  readonly importAction: Policy;
  readonly exportAction: Policy;
}

export interface OriginatedRoute {
  readonly prefix: string;
  /** `65001:100`, the name of a well-known community, or a large one: `65001:1:2`. */
  readonly communities?: readonly string[];
}

export interface KernelConfig {
  readonly enabled: boolean;
  /** The route protocol number of our routes. */
  readonly protocol: number;
  /** Only prefixes within these go to the kernel; all of them when absent. */
  readonly importCidrs?: readonly string[];
}

/** All that a speaker is told, as JSON. Whoever hands it to the speaker has validated it. */
export interface SpeakerConfig {
  readonly localAs: number;
  /** The BGP Identifier as a dotted quad. */
  readonly routerId: string;
  readonly listenPort: number;
  /** All local addresses when absent. */
  readonly listenAddresses?: readonly string[];
  readonly originate: readonly OriginatedRoute[];
  readonly peers: readonly PeerConfig[];
  readonly kernel: KernelConfig;
}
