import type { Address } from '@caracal/net';
import type { FamilyNumbers } from '../capabilities.ts';
import type { RouteFamily } from '../context.ts';
import type { Nlri } from '../nlri.ts';

/** One segment of an AS path (RFC 4271 section 4.3; confederation segments: RFC 5065). */
export interface AsPathSegment {
  readonly type: 'set' | 'sequence' | 'confedSequence' | 'confedSet';
  readonly asNumbers: readonly number[];
}

export type AsPath = readonly AsPathSegment[];

export interface Aggregator {
  readonly asNumber: number;
  readonly address: Address;
}

/** A large community (RFC 8092): three 32-bit numbers. */
export type LargeCommunity = readonly [globalAdministrator: number, localData1: number, localData2: number];

/** MP_REACH_NLRI (RFC 4760 section 3); families that this speaker does not route keep their octets. */
export type MpReach =
  | {
      readonly family: RouteFamily;
      /** One address, or for IPv6 also the link-local one as the second; IPv6 for IPv4 routes, too (RFC 8950). */
      readonly nextHops: readonly Address[];
      readonly nlri: readonly Nlri[];
    }
  | {
      readonly family: 'other';
      readonly afi: number;
      readonly safi: number;
      readonly nextHop: Uint8Array;
      readonly nlri: Uint8Array;
    };

/** MP_UNREACH_NLRI (RFC 4760 section 4). */
export type MpUnreach =
  | { readonly family: RouteFamily; readonly nlri: readonly Nlri[] }
  | { readonly family: 'other'; readonly afi: number; readonly safi: number; readonly nlri: Uint8Array };

/** An optional transitive attribute that no row knows, passed on as it came (RFC 4271 section 5). */
export interface UnknownAttribute {
  readonly code: number;
  /** The Optional, Transitive and Partial bits. */
  readonly flags: number;
  readonly value: Uint8Array;
}

/** The path attributes of an UPDATE by name. Absent fields are absent attributes. */
export interface PathAttributes {
  readonly origin?: number;
  readonly asPath?: AsPath;
  readonly nextHop?: Address;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: Aggregator;
  /** RFC 1997: each as one 32-bit number. */
  readonly communities?: readonly number[];
  readonly originatorId?: number;
  readonly clusterList?: readonly number[];
  readonly mpReach?: MpReach;
  readonly mpUnreach?: MpUnreach;
  /** RFC 4360: each as one 64-bit number. */
  readonly extendedCommunities?: readonly bigint[];
  readonly as4Path?: AsPath;
  readonly as4Aggregator?: Aggregator;
  /** RFC 5701: each as twenty octets. */
  readonly ipv6ExtendedCommunities?: readonly Uint8Array[];
  readonly largeCommunities?: readonly LargeCommunity[];
  /** ONLY_TO_CUSTOMER (RFC 9234): an AS number. */
  readonly onlyToCustomer?: number;
  readonly unknown?: readonly UnknownAttribute[];
  /** Codes of the known optional transitive attributes that came with the Partial bit, which must stay set. */
  readonly partial?: readonly number[];
}

/** The names of {@link PathAttributes} that are attributes with a row in the table. */
export type AttributeName = Exclude<keyof PathAttributes, 'unknown' | 'partial'>;

/** A decoded attribute value, or what is wrong with it; `reset` when the session cannot go on (RFC 7606 section 5.3). */
export type DecodedValue<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly message: string;
      /** The session is reset; with a family it would do to disable that. */
      readonly reset?: true;
      readonly family?: FamilyNumbers;
    };

export function good<T>(value: T): DecodedValue<T> {
  return { ok: true, value };
}

export function bad(message: string): { ok: false; message: string } {
  return { ok: false, message };
}
