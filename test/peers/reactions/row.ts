import type { Peer } from './peer.ts';
import type { Hex, OpenFields } from './wire.ts';

/** What the process says of the peer that a row speaks for. */
export interface PeerSettings {
  /** 65002 when absent; 65001 makes the peer internal. */
  readonly asNumber?: number;
  /** Fields of the BGPPeer besides. */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Whether caracal-bgp connects, too: the row's peer listens. */
  readonly listens?: true;
}

interface RowBase {
  readonly name: string;
  /** The document and section that ask for the reaction. */
  readonly rfc: string;
  readonly peer?: PeerSettings;
  /**
   * What is to happen, in the words of `outcome.ts`: `NOTIFICATION 3/10 …` (data in hexadecimal; without it, any),
   * `closed` without one, or the session stays and the row's route is `used`, `unused`, `withdrawn`, or `untouched`.
   */
  readonly reaction: string;
}

/** Octets sent in one state of the session. */
export interface SendRow extends RowBase {
  /** How far the session goes before: Established when absent. */
  readonly state?: 'OpenSent' | 'OpenConfirm' | 'Established';
  /** The OPEN that brings it there. */
  readonly open?: OpenFields;
  readonly send: Hex;
  /** Octets in each TCP segment; all in one when absent. */
  readonly segment?: number;
  /** Of a route that is used: attributes by name that it must not have, or must have with this text. */
  readonly lacks?: readonly string[];
  readonly has?: Readonly<Record<string, string>>;
  /** And attributes by code with which it is passed on to an external peer: flags and value; null for none. */
  readonly told?: Readonly<Record<number, string | null>>;
}

/** A sequence that is more than one send. */
export interface PlayRow extends RowBase {
  /** Plays the peer; answers with what happened. */
  readonly play: (peer: Peer) => Promise<string>;
}

export type Row = SendRow | PlayRow;
