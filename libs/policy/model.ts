/**
 * What the compiler hands to the dataplane: ordered rule lists, the sets that they refer to, and the local endpoints
 * that they apply to. Everything here is plain data, so that it can be compared, printed and written to disk.
 */

/** The name of a set of addresses, stable for the same meaning: equal selectors share one set. */
export type SetId = string;

/** The identity of a policy in the compiled state: its kind, namespace and name, e.g. `gnp/deny-metadata`, `knp/shop/db`. */
export type PolicyId = string;

export type Direction = 'ingress' | 'egress';

export type Action = 'Allow' | 'Deny' | 'Pass' | 'Log';

/** Inclusive bounds. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * A set of the compiled state. `net` holds addresses and CIDRs (`10.1.2.3`, `10.0.0.0/8`), `ip,port` holds named ports
 * resolved to an address, protocol and port (`10.1.2.3,tcp:8080`). Members are in the notation of `ipset add`.
 */
export interface SetDefinition {
  readonly id: SetId;
  readonly type: 'net' | 'ip,port';
  readonly family: 4 | 6;
}

/** One side of a flow. Every condition that is present must hold. */
export interface PeerMatch {
  /** The address is in at least one of these CIDRs (absent or empty: any). */
  readonly nets?: readonly string[];
  /** The address is in none of these. */
  readonly notNets?: readonly string[];
  /** The address is a member of every one of these sets. */
  readonly sets?: readonly SetId[];
  /** The address is a member of none of these sets. */
  readonly notSets?: readonly SetId[];
  /**
   * The port is in one of the ranges, or (address, protocol, port) is a member of one of the named-port sets. Both
   * absent or empty: any port.
   */
  readonly ports?: readonly PortRange[];
  readonly namedPortSets?: readonly SetId[];
  readonly notPorts?: readonly PortRange[];
  readonly notNamedPortSets?: readonly SetId[];
}

/** ICMP type, and code when it matters. */
export interface IcmpMatch {
  readonly type: number;
  readonly code?: number;
}

/** One rule of a policy. Conditions that are absent hold for everything. */
export interface Rule {
  readonly action: Action;
  /** IP protocol number: 6 TCP, 17 UDP, 132 SCTP, 1 ICMP, 58 ICMPv6. Port matches need one of 6, 17, 132. */
  readonly protocol?: number;
  readonly notProtocol?: number;
  readonly icmp?: IcmpMatch;
  readonly notIcmp?: IcmpMatch;
  readonly source: PeerMatch;
  readonly destination: PeerMatch;
  /** Index of the rule in the resource that it was made from; several compiled rules can share one. */
  readonly index: number;
}

export interface CompiledPolicy {
  readonly id: PolicyId;
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}

/** The policies of one tier that select an endpoint in one direction, in the order in which they are tried. */
export interface EndpointTier {
  readonly name: string;
  readonly policies: readonly PolicyId[];
  /** What happens to a packet that no rule of the tier decided. */
  readonly defaultAction: 'Deny' | 'Pass';
}

/**
 * A pod's interface on this node. A direction whose list of tiers is empty is open, and so is a packet that every tier
 * of the list has passed (by a rule or by its default action).
 */
export interface CompiledEndpoint {
  /** `containerId/ifname`, as in CNI. */
  readonly id: string;
  /** The host's end of the veth pair, e.g. `cara0123456789a`. */
  readonly interfaceName: string;
  /** Canonical addresses without a length; the only sources that anti-spoofing lets through. */
  readonly addresses: readonly string[];
  readonly ingress: readonly EndpointTier[];
  readonly egress: readonly EndpointTier[];
}

export interface SetChange {
  readonly definition: SetDefinition;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/**
 * The difference between two compiled states. Apply in this order: sets added and changed, policies, endpoints; then
 * removed endpoints, policies and sets.
 */
export interface PolicyDelta {
  readonly sets: readonly SetChange[];
  readonly removedSets: readonly SetId[];
  readonly policies: readonly CompiledPolicy[];
  readonly removedPolicies: readonly PolicyId[];
  readonly endpoints: readonly CompiledEndpoint[];
  readonly removedEndpoints: readonly string[];
}
