/** What the wiring worker is asked and what it answers; plain data, because it crosses a thread boundary. */

/** How fast a pod may send, or be sent to. */
export interface RateLimit {
  readonly bitsPerSecond: number;
  /** What may come at once; of our choice when absent. */
  readonly burstBits?: number;
}

/** From the pod's point of view: `ingress` is what it is sent. */
export interface Bandwidth {
  readonly ingress?: RateLimit;
  readonly egress?: RateLimit;
}

/** A sysctl of the pod's namespace. */
export interface Sysctl {
  /** As it was written. */
  readonly name: string;
  /** Its parts: `net`, `core`, `somaxconn`. */
  readonly path: readonly string[];
  readonly value: string;
}

/** A pod's interface to be made. */
export interface WireRequest {
  /** Path of the pod's network namespace. */
  readonly netnsPath: string;
  /** The host's end; see `hostInterfaceName`. */
  readonly hostInterface: string;
  /** The pod's end, such as `eth0`. */
  readonly podInterface: string;
  /** The pod's addresses, without prefix length. */
  readonly addresses: readonly string[];
  /** The kernel's default (1500) when absent. */
  readonly mtu?: number;
  /** Of each end, for sending and for receiving; one when absent. */
  readonly queues?: number;
  /** Of the pod's end; a random one when absent. */
  readonly mac?: string;
  /** Whether the pod may forward packets between its interfaces. */
  readonly forwarding: boolean;
  /** Whether processes of the host may reach the pod by a port of the host's loopback address. */
  readonly loopback?: boolean;
  readonly bandwidth?: Bandwidth;
  readonly sysctls?: readonly Sysctl[];
}

export type WiringFailureReason =
  /** The namespace's file cannot be opened. */
  | 'netnsMissing'
  /** The file is no network namespace. */
  | 'notNetns'
  /** The namespace is the host's own. */
  | 'hostNetns'
  /** The host's end exists: from an earlier ADD that was not undone. */
  | 'hostInterfaceExists'
  /** The pod has an interface of that name. */
  | 'podInterfaceExists'
  /** The request itself is impossible, such as an address that does not parse. */
  | 'invalid'
  /** The kernel refused; the message has its words. */
  | 'kernel';

export interface WiringFailure {
  readonly ok: false;
  readonly reason: WiringFailureReason;
  readonly message: string;
}

export interface Wired {
  readonly ok: true;
  readonly hostMac: string;
  readonly podMac: string;
  readonly mtu: number;
  /** The gateways of the default routes that the interface has: a pod that had one of a family before keeps that one. */
  readonly defaultRoutes: readonly string[];
}

/** What a pod's interface should look like. */
export interface InspectRequest {
  readonly netnsPath: string;
  readonly hostInterface: string;
  readonly podInterface: string;
  readonly addresses: readonly string[];
  /** Gateways of the pod's default routes by this interface, in whatever table a later plugin has put them. */
  readonly defaultRoutes: readonly string[];
  readonly mac?: string;
  readonly mtu?: number;
  readonly bandwidth?: Bandwidth;
  readonly sysctls?: readonly Sysctl[];
}

export interface Inspection {
  readonly ok: true;
  /** A sentence for everything that is not as `wire` leaves it; none when all is well. */
  readonly problems: readonly string[];
}

/** An interface of ours on the host, found in the kernel. */
export interface OwnInterface {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  readonly up: boolean;
  /** The addresses that our host routes lead to it. */
  readonly addresses: readonly string[];
}

export type WiringOutcome = { readonly ok: true } | WiringFailure;

/** Each operation's request and answer. */
export interface WiringOperations {
  readonly wire: { readonly request: WireRequest; readonly answer: Wired | WiringFailure };
  readonly unwire: { readonly request: { readonly hostInterface: string }; readonly answer: WiringOutcome };
  readonly inspect: { readonly request: InspectRequest; readonly answer: Inspection | WiringFailure };
  readonly listOwnInterfaces: {
    readonly request: Record<string, never>;
    readonly answer:
      | { readonly ok: true; readonly interfaces: readonly OwnInterface[]; readonly blocks: readonly string[] }
      | WiringFailure;
  };
  readonly setBlocks: { readonly request: { readonly blocks: readonly string[] }; readonly answer: WiringOutcome };
  readonly prepareHost: { readonly request: Record<string, never>; readonly answer: WiringOutcome };
}

export type WiringOperation = keyof WiringOperations;
