import type { Bandwidth, Sysctl } from '../wiring/index.ts';

/**
 * What the CNI server asks of the node: the boundary between the protocol of the container runtime (sockets, JSON,
 * environment) and the pods of this node (addresses, wiring, policy).
 */

/** Which attachment a request is about: the key under which an ADD is remembered and retried. */
export interface Attachment {
  /** CNI_CONTAINERID. */
  readonly containerId: string;
  /** CNI_IFNAME: the interface's name inside the container. */
  readonly ifname: string;
  /** The name of the network in the network configuration. */
  readonly network: string;
}

/** Who the pod is, as ADD says it; without Kubernetes nothing else does. */
export interface PodIdentity {
  /** K8S_POD_NAMESPACE; `default` when no pod is named. */
  readonly namespace: string;
  /** K8S_POD_NAME; the container id when no pod is named. */
  readonly name: string;
  /** K8S_POD_UID. */
  readonly uid?: string;
  /** The configuration's `args.cni.labels`. */
  readonly labels: Readonly<Record<string, string>>;
  /** As the runtime passes them on, where it does. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface AddRequest extends Attachment {
  /** CNI_NETNS: path of the container's network namespace. */
  readonly netns: string;
  readonly pod: PodIdentity;
  /** The configuration's `mtu`; the node's own choice when absent. */
  readonly mtu?: number;
  /** Of each end of the interface; one when absent. */
  readonly queues?: number;
  /** The pod's end has this MAC; a random one when absent. */
  readonly mac?: string;
  /** The container may forward packets between its interfaces. */
  readonly forwarding: boolean;
  /** Ports of the node that lead to the container. */
  readonly hostPorts?: readonly PortMapping[];
  /** How fast it may be sent to, and send. */
  readonly bandwidth?: Bandwidth;
  /** Set in the container's network namespace. */
  readonly sysctls?: readonly Sysctl[];
  /** Addresses that a delegated IPAM plugin has given; ours gives none then. */
  readonly given?: readonly string[];
  /** Which addresses the pod wants; one of each family that a pool is for when absent. */
  readonly wanted?: WantedAddresses;
}

/** As the capability `portMappings` has them (CONVENTIONS.md). */
export interface PortMapping {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostPort: number;
  readonly containerPort: number;
  /** Only on this address of the node. */
  readonly hostIP?: string;
}

/** What configuration, capability arguments, CNI_ARGS and annotations ask for. */
export interface WantedAddresses {
  /** One of each; all or none. */
  readonly families?: readonly (4 | 6)[];
  /** Names or CIDRs of IPPools. */
  readonly pools?: readonly string[];
  /** Exactly these, without prefix length. */
  readonly addresses?: readonly string[];
}

export interface DeleteRequest extends Attachment {
  /** Absent when the runtime no longer has it. */
  readonly netns?: string;
}

/** What the runtime's `prevResult` says of the interface: the result of our ADD, as later plugins of the chain have left it. */
export interface CheckRequest extends Attachment {
  readonly netns: string;
  readonly expected: {
    readonly addresses: readonly string[];
    /** The gateways of ours by which a default route is listed. */
    readonly defaultRoutes: readonly string[];
    readonly mac?: string;
    readonly mtu?: number;
    readonly sysctls?: readonly Sysctl[];
  };
}

/** A refusal, as the CNI specification writes it. */
export interface CniFailure {
  readonly ok: false;
  /** See `cniErrorCodes`, or 100 and above for our own. */
  readonly code: number;
  readonly message: string;
  readonly details?: string;
}

export interface AddSuccess {
  readonly ok: true;
  readonly addresses: readonly PlainAddress[];
  readonly hostInterface: string;
  readonly hostMac: string;
  readonly podMac: string;
  readonly mtu?: number;
  /** Gateways of the container's default routes by this interface: another one may have had one already. */
  readonly defaultRoutes: readonly string[];
}

/** The pods of this node. Failures are values; an exception is a bug and is answered with code 11 and its message. */
export interface PodNetwork {
  /**
   * Gives the pod its address and interface, and answers when its policy is in the kernel. A second ADD of an attachment that
   * stands is refused and changes nothing; one of an attachment that was never finished finishes it, with the same address.
   * When `signal` aborts, or on failure, nothing is left behind.
   */
  add(request: AddRequest, signal: AbortSignal): Promise<AddSuccess | CniFailure>;
  /** Takes all of it back; what is unknown or already gone is a success. */
  del(request: DeleteRequest): Promise<{ readonly ok: true } | CniFailure>;
  /** Whether the attachment is as ADD left it. */
  check(request: CheckRequest): Promise<{ readonly ok: true } | CniFailure>;
  /** Whether an ADD could succeed now. */
  status(): { readonly ok: true } | CniFailure;
  /** Takes back every attachment of the network that is not among the valid ones. */
  collectGarbage(
    network: string,
    valid: readonly Omit<Attachment, 'network'>[],
  ): Promise<{ readonly ok: true } | CniFailure>;
}

/** An address as a result has it. */
export interface PlainAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway?: string;
}

export interface AddressRequest extends Attachment {
  /** Of the pod: pools select namespaces. */
  readonly namespace: string;
  /** K8S_POD_NAME, when the runtime says it. */
  readonly name?: string;
  /** CNI_NETNS. */
  readonly netns?: string;
  readonly wanted?: WantedAddresses;
}

/** Our IPAM for interfaces that other plugins make; nothing of them is enforced or announced one by one. */
export interface AddressPlugin {
  /** When `signal` aborts, or on failure, nothing is held. */
  assign(
    request: AddressRequest,
    signal: AbortSignal,
  ): Promise<{ readonly ok: true; readonly addresses: readonly PlainAddress[] } | CniFailure>;
  release(attachment: Attachment): Promise<{ readonly ok: true } | CniFailure>;
  check(attachment: Attachment): { readonly ok: true } | CniFailure;
  status(): { readonly ok: true } | CniFailure;
  collectGarbage(
    network: string,
    valid: readonly Omit<Attachment, 'network'>[],
  ): Promise<{ readonly ok: true } | CniFailure>;
}

/** Error codes that the specification (1.1.0, section "Error") reserves. */
export const cniErrorCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  containerUnknown: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidNetworkConfig: 7,
  tryAgainLater: 11,
  /** STATUS: no ADD can be served. */
  notAvailable: 50,
} as const;
