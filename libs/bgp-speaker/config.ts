import type { RouteFamily } from 'bgp-parser';
import type { BfdTimes } from './environment.ts';

export type PolicyAction = 'Accept' | 'Reject';

/** One change of an accepted route: an object with one of these. */
export interface FilterOperation {
  readonly addCommunity?: { readonly value: string };
  readonly removeCommunity?: { readonly value: string };
  readonly setCommunities?: { readonly values: readonly string[] };
  readonly prependASPath?: { readonly prefix: readonly number[] };
  readonly setOrigin?: 'IGP' | 'EGP' | 'Incomplete';
  readonly setMED?: number;
  readonly setLocalPref?: number;
}

/** A rule of a BGPFilter: it matches when all conditions that it has hold. */
export interface FilterRule {
  readonly action: PolicyAction;
  readonly cidr?: string;
  readonly matchOperator?: 'In' | 'NotIn' | 'Equal' | 'NotEqual';
  readonly prefixLength?: { readonly min?: number; readonly max?: number };
  readonly source?: 'RemotePeers';
  /** One of them, of any kind; `*` for any number. */
  readonly communities?: { readonly values: readonly string[] };
  readonly asPathPrefix?: readonly number[];
  /** One of them. */
  readonly asPathContains?: readonly number[];
  /** One of them is the last. */
  readonly asPathOrigin?: readonly number[];
  /** A prefix. */
  readonly nextHop?: string;
  readonly operations?: readonly FilterOperation[];
}

/** The first rule that matches decides, without one `otherwise`. */
export interface Filter {
  readonly rules: readonly FilterRule[];
  readonly otherwise: PolicyAction;
}

/** What becomes of every route of a direction: one action, or one for each family, or a filter. */
export type Policy = PolicyAction | Readonly<Record<RouteFamily, PolicyAction | Filter>>;

/** What the policy says about a family. */
export function policyOf(policy: Policy, family: RouteFamily): PolicyAction | Filter {
  return typeof policy === 'string' ? policy : policy[family];
}

/** The rules as a policy, in its simplest form: a first rule without conditions and operations is an action. */
export function policyOfRules(rules: readonly FilterRule[], otherwise: PolicyAction): PolicyAction | Filter {
  const [first] = rules;
  if (!first) return otherwise;
  const { action, operations = [], ...conditions } = first;
  const plain = operations.length === 0 && Object.values(conditions).every((value) => value === undefined);
  return plain ? action : { rules, otherwise };
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

/** Several paths to one prefix, if the peer agrees (RFC 7911), of every family. */
export interface AddPathsConfig {
  readonly receive: boolean;
  /** Which paths it is told: only the best one, all that take part in the decision, or the best few. */
  readonly send: 'None' | 'All' | 'Best';
  /** How many those are. */
  readonly bestPaths: number;
}

/** AS numbers from one to another, both included. */
export interface AsRange {
  readonly min: number;
  readonly max: number;
}

export interface PeerConfig {
  /** Unique among the peers: the BGPPeer's name, or `mesh-NODE`; of a peer of a range `RANGE/ADDRESS`. */
  readonly name: string;
  /** Of several peers with one address the first is used; the others stay Idle and say so. Absent with `interface`. */
  readonly peerAddress?: string;
  /** The peer is the one router at the other end of this interface; the session has its link-local address. */
  readonly interface?: string;
  /** Every address within it may be a peer, with a session of its own; all of them connect, we never do. */
  readonly peerPrefix?: string;
  /** How many sessions of a `peerPrefix` there may be at once; 100 when absent. */
  readonly sessionLimit?: number;
  /** The name of the peer by prefix that this one is of; the speaker itself makes such peers, and forgets them. */
  readonly range?: string;
  /** The listen port of the configuration when absent. */
  readonly peerPort?: number;
  /** `External`: any AS but ours. A range is for a `peerPrefix` alone. */
  readonly peerAs: number | 'External' | AsRange;
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
  /** IPv4 routes may have IPv6 next hops, if the peer agrees (RFC 8950); always offered on an `interface`. */
  readonly extendedNextHop?: boolean;
  readonly addPaths?: AddPathsConfig;
  /** Messages longer than 4096 octets, if the peer agrees (RFC 8654). */
  readonly extendedMessages?: boolean;
  /** A file with the password of the TCP connection (RFC 2385); the transport reads it. */
  readonly passwordFile?: string;
  /** Packets from more hops away than this are dropped, and ours are sent with the largest TTL (RFC 5082). */
  readonly ttlSecurityHops?: number;
  /** There is no session, and the peer is told why in these words (RFC 9003). */
  readonly shutdown?: { readonly message?: string };
  readonly prefixLimit?: PrefixLimit;
  /** How often our own AS number may be in the path of a route that is used. */
  readonly allowOwnAs?: number;
  /** The peer's AS number in the path becomes ours, so that it takes the route. */
  readonly asOverride?: boolean;
  /** Private AS numbers are taken out of the path (RFC 6996). */
  readonly removePrivateAs?: boolean;
  /** Next hop of passed-on routes: `Auto` is ours to external peers and the received one to internal peers. */
  readonly nextHopMode?: 'Auto' | 'Self' | 'Keep';
  /** It is told a default route of ours, whatever the export policy, in place of any other. */
  readonly defaultOriginate?: boolean;
  /** Routes of other internal peers are reflected to it, and its own to them (RFC 4456). */
  readonly reflectorClient?: boolean;
  /** BFD watches the path to the peer, and ends its session when that is dead (RFC 5882). */
  readonly bfd?: BfdTimes;
  /** {@link defaultGracefulRestart} when absent. */
  readonly gracefulRestart?: GracefulRestartConfig;
}

/** What a session depends on: all but what is applied while it stands. */
export function withoutPolicy(peer: PeerConfig): object {
  const { importAction: _, exportAction: __, sessionLimit: ___, defaultOriginate, ...session } = peer;
  // Among several paths to a prefix that were told by identifier our own one cannot take the place of all.
  return (peer.addPaths?.send ?? 'None') === 'None' ? session : { ...session, defaultOriginate };
}

/** How many prefixes of a family a peer may announce. */
export interface PrefixLimit {
  readonly maximum: number;
  /** From this part of it on a warning is logged. */
  readonly warnPercent?: number;
  /** After the session was ended for it, a new one begins so much later; never when absent. */
  readonly restartSeconds?: number;
}

export interface OriginatedRoute {
  readonly prefix: string;
  /** `65001:100`, the name of a well-known community, or a large one: `65001:1:2`. */
  readonly communities?: readonly string[];
}

/** A route that stands for all within it. */
export interface AggregateConfig extends OriginatedRoute {
  /** External peers are not told of the routes within it. */
  readonly summaryOnly?: boolean;
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
  /** The CLUSTER_ID of a route reflector as a dotted quad; the router id when absent. */
  readonly clusterId?: string;
  readonly listenPort: number;
  /** All local addresses when absent. */
  readonly listenAddresses?: readonly string[];
  readonly originate: readonly OriginatedRoute[];
  /** Announced while there is a route within (RFC 4271 section 9.2.2.2). */
  readonly aggregates?: readonly AggregateConfig[];
  readonly peers: readonly PeerConfig[];
  readonly kernel: KernelConfig;
}
