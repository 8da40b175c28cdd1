import type { Address, Prefix } from '@caracal/net';

/** A timer that was set. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds of the wall clock, for showing. */
  now(): number;
  /** Milliseconds that never go back, for measuring. */
  monotonic(): number;
  after(milliseconds: number, run: () => void): Timer;
  /** Runs soon, after input that waits has been read. */
  soon(run: () => void): void;
}

/** What a connection tells its session. */
export interface ConnectionListener {
  /** An outgoing connection is there (never called for an accepted one). */
  onOpen(): void;
  onData(chunk: Uint8Array): void;
  /** The connection is over, or could not be made; `reason` in words. Called once, last. */
  onClose(reason: string): void;
  /** What was written has left the buffer, after a write that answered false. */
  onDrain(): void;
}

export interface Connection {
  /** Whether this side started it. */
  readonly outgoing: boolean;
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Octets that were written and wait to be sent. */
  readonly unsent: number;
  listen(listener: ConnectionListener): void;
  /** False when the buffer is full: the bytes are kept, but wait for onDrain before writing more. */
  write(bytes: Uint8Array): boolean;
  /** Sends what was written, then closes. The listener hears nothing more. */
  close(): void;
}

export interface Transport {
  connect(target: { address: string; port: number; localAddress?: string }): Connection;
}

/** The addresses that a session's interface has, for next hops. */
export interface LocalAddresses {
  readonly ipv4?: Address;
  /** The session's own one; else a global one (not link-local). */
  readonly ipv6?: Address;
}

export interface NextHop {
  readonly address: Address;
  /** The interface of a link-local address. */
  readonly interface?: string;
}

/** Where the kernel's routes come from: told every change of the best routes to a prefix. */
export interface RouteSink {
  /** No next hops: there is no route any more, or it is our own; `discard`: what it leads to goes nowhere. */
  setRoute(prefix: Prefix, nextHops: readonly NextHop[], discard: boolean): void;
}

/** Of a BFD session (RFC 5880 section 4.1). */
export type BfdState = 'AdminDown' | 'Down' | 'Init' | 'Up';

/** How often BFD packets go and come at most, and how many may be missed. */
export interface BfdTimes {
  readonly sendMs: number;
  readonly receiveMs: number;
  readonly multiplier: number;
}

export interface BfdTarget {
  /** Both with `%INTERFACE` when link-local. */
  readonly local: string;
  readonly remote: string;
  readonly times: BfdTimes;
}

/** Told each state; `failed` says why a session that was Up is no longer, unless the peer was told to stop. */
export type BfdListener = (state: BfdState, failed?: string) => void;

/** Watches paths by BFD (RFC 5880, 5881). */
export interface Bfd {
  /** Begins a session, and answers with what ends it; the listener hears nothing more then. */
  watch(target: BfdTarget, listener: BfdListener): () => void;
}

/** Everything outside that a speaker uses. */
export interface SpeakerEnvironment {
  readonly clock: Clock;
  readonly transport: Transport;
  /** From 0 to 1, as Math.random. */
  readonly random: () => number;
  /** The addresses of the interface that has the given address, which names its interface if it is link-local (`%eth0`). */
  readonly localAddresses: (address: string) => LocalAddresses;
  /** The link-local address of the router at the other end of an interface; undefined until it has been heard of. */
  readonly routerOn?: (interfaceName: string) => string | undefined;
  readonly bfd?: Bfd;
  /** Absent when the kernel's routes are left alone. */
  readonly routes?: RouteSink;
  /** A session's state, counters or error changed, or an End-of-RIB arrived. */
  readonly onChange: () => void;
  /**
   * There when an earlier run ended without leaving: peers keep our routes, and the kernel forwards by those that stand
   * there. It names the peers that were established: what they announce is waited for (RFC 4724 section 4.1).
   */
  readonly restarted?: { readonly establishedPeers: readonly string[] };
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}
