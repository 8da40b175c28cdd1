/** The families whose routes this speaker understands; the others are carried opaquely. */
export type RouteFamily = 'ipv4Unicast' | 'ipv6Unicast';

/** What the codec must know about a session to read or write its messages (all from the two OPENs). */
export interface DecodeContext {
  /** Both sides sent the four-octet AS capability: AS_PATH and AGGREGATOR carry 4 octets (RFC 6793). */
  readonly fourOctetAs: boolean;
  /** The peer is in another AS: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are discarded (RFC 7606 section 7). */
  readonly external: boolean;
  /** Families whose NLRI carry a path identifier in this direction (RFC 7911). */
  readonly addPath: readonly RouteFamily[];
  /** IPv4 routes may have an IPv6 next hop (RFC 8950): both sides sent the capability for IPv4 unicast. */
  readonly extendedNextHop?: boolean;
  /** Messages up to 65,535 octets (RFC 8654). */
  readonly extendedMessage: boolean;
  /** Both are members of one confederation: AS_PATH may have its segments (RFC 5065). */
  readonly confederation?: boolean;
  /** The Optional and Transitive bits of known attributes mean nothing: some routers dump their tables without. */
  readonly anyFlags?: boolean;
  /** Enhanced route refresh was negotiated: a bad ROUTE-REFRESH length has an error code of its own (RFC 7313). */
  readonly enhancedRouteRefresh?: boolean;
}

/** A session before its OPENs: nothing negotiated. */
export const initialContext: DecodeContext = {
  fourOctetAs: true,
  external: true,
  addPath: [],
  extendedMessage: false,
};
