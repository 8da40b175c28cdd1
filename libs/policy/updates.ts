import type { PolicyDelta, PolicyId } from './model.ts';

/** Label keys to values. */
export type Labels = Readonly<Record<string, string>>;

/** A port that a container names. */
export interface NamedPort {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

/** What policy reads of a pod. `uid` joins it with its endpoints; an empty uid joins with nothing. */
export interface Pod {
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** Empty when the pod has none; selectors then see no service account. */
  readonly serviceAccount: string;
  readonly ports: readonly NamedPort[];
}

/** Identifies an endpoint of the whole network. */
export interface EndpointKey {
  readonly node: string;
  readonly containerId: string;
  /** In the pod, e.g. `eth0`. */
  readonly interface: string;
}

/** A pod's interface anywhere in the network, as its node reported it. Addresses in any textual form, without a length. */
export interface Endpoint extends EndpointKey {
  readonly podUid: string;
  readonly addresses: readonly string[];
}

/** A pod's interface on this node. */
export interface LocalEndpoint {
  /** `containerId/ifname`. */
  readonly id: string;
  /** The host's end of the veth pair. */
  readonly interfaceName: string;
  readonly addresses: readonly string[];
  /** The pod as ADD described it; it counts until the feed holds a pod of this uid. */
  readonly pod: Pod;
}

/** A resource as the hub stores it: validated and with defaults, so that `kind` tells what `spec` is (see libs/api). */
export interface StoredResource {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels: Labels;
  };
  readonly spec: unknown;
}

/**
 * One change of what the compiler knows. A second upsert of a key replaces the first; removing what is unknown does
 * nothing. Of resources it reads Tier, NetworkPolicy, GlobalNetworkPolicy, KubernetesNetworkPolicy, NetworkSet,
 * GlobalNetworkSet, Namespace, ServiceAccount and Pod, and ignores the other kinds.
 */
export type Update =
  | { readonly type: 'resource'; readonly resource: StoredResource }
  | {
      readonly type: 'resourceRemoved';
      readonly kind: string;
      /** Empty or absent for kinds without a namespace. */
      readonly namespace?: string;
      readonly name: string;
    }
  | { readonly type: 'pod'; readonly pod: Pod }
  | { readonly type: 'podRemoved'; readonly key: string }
  | { readonly type: 'endpoint'; readonly endpoint: Endpoint }
  | { readonly type: 'endpointRemoved'; readonly endpoint: EndpointKey }
  | { readonly type: 'localEndpoint'; readonly endpoint: LocalEndpoint }
  | { readonly type: 'localEndpointRemoved'; readonly id: string }
  /** Pods and endpoints of the network are said once more from here on; those not said again up to `resyncEnd` are gone then. */
  | { readonly type: 'resyncBegin' }
  | { readonly type: 'resyncEnd' };

/** A policy that could not be compiled, and why. */
export interface PolicyProblem {
  readonly policy: PolicyId;
  /** Names the policy, what is wrong and what follows from it. */
  readonly message: string;
}

/** From updates to the state that the dataplane holds. One per node; synchronous, no clock and no I/O. */
export interface Compiler {
  /** Takes in a change. Cheap: the consequences are worked out by {@link settle} and {@link flush}. */
  apply(update: Update): void;
  /**
   * Works out consequences until `isOver()`, which it asks every few microseconds; true when none is left. Nothing of it shows before
   * the next flush, which does the rest: who has many changes calls this in between, so that the flush is short.
   */
  settle(isOver: () => boolean): boolean;
  /**
   * The difference between the state that the last flush led to and that of now. Its order is given in model.ts. The
   * state depends on what is known, never on the order in which it was learned.
   */
  flush(): PolicyDelta;
  /** The policies that could not be compiled, as of the last flush. Endpoints that such a policy selects are closed. */
  problems(): readonly PolicyProblem[];
}
