import type { AttributeFault, Open, RouteRefresh, SessionReset, Update } from 'bgp-parser';
import type { Connection } from './environment.ts';
import type { State } from './fsm/table.ts';
import type { Negotiated } from './negotiation.ts';
import type { Session } from './session.ts';

/** A NOTIFICATION to send, and how the error reads to the operator. */
export interface Reason {
  readonly code: number;
  readonly subcode: number;
  readonly data?: Uint8Array;
  readonly message?: string;
}

/** What a session asks of its peer, and tells it. */
export interface SessionOwner {
  holdTimeSeconds(): number;
  connectRetryMs(): number;
  /** Whether the peer starts all connections. */
  passive(): boolean;
  /** Begins an outgoing connection. */
  connect(): Connection;
  open(): Open;
  /** Judges the peer's OPEN: what was agreed, why not, or that this connection loses a collision. */
  judgeOpen(session: Session, open: Open): Negotiated | SessionReset | 'collision';
  onStateChange(session: Session, from: State, to: State): void;
  /** The short way of an UPDATE, `bytes[start, end)`, of the established session; false when it is to be decoded. */
  onPlainUpdate(bytes: Uint8Array, start: number, end: number): boolean;
  onUpdate(update: Update, faults: readonly AttributeFault[]): void;
  onRouteRefresh(refresh: RouteRefresh): void;
  onDrain(): void;
  /** Why the session ends; `transport` for what is only the connection's failure. */
  onError(message: string, kind: 'protocol' | 'transport'): void;
}
