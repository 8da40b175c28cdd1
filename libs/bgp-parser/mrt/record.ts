import type { Address } from '@caracal/net';
import type { PathAttributes } from '../attributes/value.ts';
import type { RouteFamily } from '../context.ts';
import type { Nlri } from '../nlri.ts';

/** When a record was written; microseconds only in the extended types (RFC 6396 section 3). */
interface Timestamp {
  /** Unix seconds. */
  readonly seconds: number;
  readonly microseconds?: number;
}

/** The two ends of a session in a BGP4MP record (RFC 6396 section 4.4). */
interface Session {
  readonly peerAs: number;
  readonly localAs: number;
  readonly interfaceIndex: number;
  readonly peerAddress: Address;
  readonly localAddress: Address;
  /** AS numbers have four octets: in the record, and in its message. */
  readonly fourOctetAs: boolean;
}

/** A peer of a table dump (RFC 6396 section 4.3.1). */
export interface MrtPeer {
  readonly bgpIdentifier: number;
  readonly address: Address;
  readonly asNumber: number;
  /** Whether the AS number takes four octets in the record. */
  readonly fourOctetAs: boolean;
}

/** One path of a route in a table dump. */
export interface RibEntry {
  /** The place of its peer in the peer index table. */
  readonly peerIndex: number;
  /** Unix seconds. */
  readonly originated: number;
  /** RFC 8050. */
  readonly pathId?: number;
  /** An MP_REACH_NLRI without prefixes for the next hop of an IPv6 route. */
  readonly attributes: PathAttributes;
}

/** A record of an MRT file (RFC 6396, and RFC 8050 for add-path). */
export type MrtRecord = Timestamp & MrtBody;

export type MrtBody =
  | {
      readonly type: 'peerIndexTable';
      readonly collectorIdentifier: number;
      readonly viewName: string;
      readonly peers: readonly MrtPeer[];
    }
  | {
      readonly type: 'rib';
      readonly family: RouteFamily;
      readonly sequence: number;
      readonly prefix: Nlri['prefix'];
      readonly entries: readonly RibEntry[];
    }
  | ({
      readonly type: 'message';
      /** This end sent it. */
      readonly local: boolean;
      /** Its NLRI have path identifiers. */
      readonly addPath: boolean;
      /** A BGP message with its header. */
      readonly message: Uint8Array;
    } & Session)
  | ({ readonly type: 'stateChange'; readonly oldState: number; readonly newState: number } & Session)
  | UnknownRecord;

/** A record of another type, or of a family that is not routed here: carried as it came. */
interface UnknownRecord {
  readonly type: 'other';
  readonly code: number;
  readonly subtype: number;
  readonly body: Uint8Array;
}

/** What is in the body of a record, or what is wrong with it. */
export type DecodedBody =
  | { readonly ok: true; readonly value: MrtBody }
  | { readonly ok: false; readonly message: string };

/** RFC 6396 section 4, RFC 8050. */
export const mrtTypes = { tableDumpV2: 13, bgp4mp: 16, bgp4mpExtended: 17 } as const;
