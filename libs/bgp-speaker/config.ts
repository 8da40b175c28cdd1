import type { RouteFamily } from 'bgp-parser';

export type PolicyAction = 'Accept' | 'Reject';

/** What becomes of every route of a direction: one action, or one for each family. */
export type Policy = PolicyAction | Readonly<Record<RouteFamily, PolicyAction>>;

/** Whether the policy lets routes of the family through. */
export function accepts(policy: Policy, family: RouteFamily): boolean {
  return (typeof policy === 'string' ? policy : policy[family]) === 'Accept';
}

/** Graceful restart of RFC 4724 towards one peer. */
export interface GracefulRestartConfig {
  /**
   * `Restart`: the peer is asked to keep our routes when this process restarts, and its own are kept when it does;
   * `Helper`: only the latter; `Off`: neither.
   */
  readonly mode: 'Restart' | 'Helper' | 'Off';
  /** How long the peer waits for us to come back: at most 4095. */
  readonly restartTimeSeconds: number;
  /** Routes are kept over a NOTIFICATION too, if the peer agrees (RFC 8538). */
  readonly notification?: boolean;
}

/** The restart time is the one that other speakers take. */
const defaultGracefulRestart: GracefulRestartConfig = { mode: 'Restart', restartTimeSeconds: 120 };

export function gracefulRestartOf(peer: PeerConfig): GracefulRestartConfig {
  return peer.gracefulRestart ?? defaultGracefulRestart;
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
  /** {@link defaultGracefulRestart} when absent. */
  readonly gracefulRestart?: GracefulRestartConfig;
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
