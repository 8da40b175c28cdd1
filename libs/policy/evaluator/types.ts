import type { Action, Direction, IcmpMatch, PolicyId } from '../model.ts';
import type { PolicyKind } from '../policy-id.ts';
import type { Pod, StoredResource } from '../updates.ts';

/** A pod with what its node reported of it. */
export interface WorldPod extends Pod {
  readonly addresses: readonly string[];
  /** The node that runs it: traffic from that node itself always reaches it. */
  readonly node?: string;
}

/** All that a verdict depends on. Of resources it reads what the compiler reads, and Node for the nodes' addresses. */
export interface World {
  readonly resources: readonly StoredResource[];
  readonly pods: readonly WorldPod[];
}

/** A pod by `namespace/name`, or an address (of a pod, of a network set or of neither). */
export type FlowEnd = { readonly pod: string } | { readonly address: string };

/** The first packet of a flow. */
export interface Flow {
  readonly source: FlowEnd;
  readonly destination: FlowEnd;
  /** `TCP`, `UDP`, `SCTP`, `ICMP`, `ICMPv6` in any case, or a number. */
  readonly protocol: string | number;
  readonly sourcePort?: number;
  /** The destination's port. */
  readonly port?: number;
  readonly icmp?: IcmpMatch;
}

export interface PolicyReference {
  readonly id: PolicyId;
  readonly kind: PolicyKind;
  /** Empty for a GlobalNetworkPolicy. */
  readonly namespace: string;
  readonly name: string;
}

/** Why a direction of a flow is allowed or denied. */
export type Reason =
  /** A rule matched; index into the policy's `ingress` or `egress`. */
  | {
      readonly type: 'rule';
      readonly tier: string;
      readonly policy: PolicyReference;
      readonly rule: number;
      readonly action: 'Allow' | 'Deny';
    }
  /** No rule of the tier's policies that select the pod matched, and its default action is Deny. */
  | { readonly type: 'tierDefault'; readonly tier: string; readonly policies: readonly PolicyReference[] }
  /** Every tier that selects the pod passed the flow on. */
  | { readonly type: 'passed'; readonly tiers: readonly string[] }
  /** No policy selects the pod in this direction. */
  | { readonly type: 'notSelected' }
  /** The end is no pod: no policy applies here. */
  | { readonly type: 'notAPod' }
  /** The pod's own node always reaches it. */
  | { readonly type: 'host'; readonly node: string }
  /** The flow does not leave the pod. */
  | { readonly type: 'itself' }
  /** The policy cannot be read, so it denies all. */
  | {
      readonly type: 'unreadable';
      readonly tier: string;
      readonly policy: PolicyReference;
      readonly message: string;
    };

/** A condition of a rule that does not hold, in words: `source: label app is "web", the rule wants app == "api"`. */
export type Miss = string;

/** A rule that would have let the flow through, or on to the next tier, had the conditions in `missed` held. */
export interface NearMiss {
  readonly tier: string;
  readonly policy: PolicyReference;
  readonly rule: number;
  readonly action: Action;
  readonly missed: readonly Miss[];
}

export interface Decision {
  readonly direction: Direction;
  readonly allowed: boolean;
  readonly reason: Reason;
  /** When denied: of the Allow and Pass rules that were tried, the one with the fewest conditions missed, then the first. */
  readonly nearest?: NearMiss;
}

/** One end of a flow as found in the world. */
export interface ResolvedEnd {
  readonly address: string;
  /** `namespace/name`, when the address is a pod's. */
  readonly pod?: string;
}

/** The verdict for a flow: allowed when both ends allow it. */
export interface Verdict {
  readonly allowed: boolean;
  readonly source: ResolvedEnd;
  readonly destination: ResolvedEnd;
  readonly egress: Decision;
  readonly ingress: Decision;
}

/** A verdict with the flow that it is about. */
export interface Explanation extends Verdict {
  readonly flow: Flow;
}

/** Or what is wrong with the question, e.g. a pod that does not exist. */
export type Evaluation<T> =
  | { readonly ok: true; readonly verdict: T }
  | { readonly ok: false; readonly message: string };
