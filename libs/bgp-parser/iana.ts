/** Numbers of the IANA registries "Border Gateway Protocol (BGP) Parameters", "Capability Codes", AFI and SAFI. */

export const messageTypes = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;

/** RFC 4271 section 4.1, and RFC 8654 section 3 for the extended limit. */
export const headerLength = 19;
export const maximumMessageLength = 4096;
export const extendedMessageLength = 65535;

export const bgpPort = 179;
export const bgpVersion = 4;

/** RFC 6793 section 9: stands for a four-octet AS number in a two-octet field. */
export const asTrans = 23456;

export const afi = { ipv4: 1, ipv6: 2 } as const;
export const safi = { unicast: 1, multicast: 2, labelled: 4, vpn: 128 } as const;

export const capabilityCodes = {
  multiprotocol: 1,
  routeRefresh: 2,
  extendedNextHop: 5,
  extendedMessage: 6,
  bgpRole: 9,
  gracefulRestart: 64,
  fourOctetAs: 65,
  addPath: 69,
  enhancedRouteRefresh: 70,
  longLivedGracefulRestart: 71,
} as const;

export const attributeCodes = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  ipv6ExtendedCommunities: 25,
  largeCommunities: 32,
  onlyToCustomer: 35,
} as const;

/** Attribute flags, RFC 4271 section 4.3. */
export const attributeFlags = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

export const origins = { igp: 0, egp: 1, incomplete: 2 } as const;

export const segmentTypes = { set: 1, sequence: 2, confedSequence: 3, confedSet: 4 } as const;

/** Well-known communities, RFC 1997, 3765, 7611, 7999, 8326, 9494. */
export const wellKnownCommunities = {
  gracefulShutdown: 0xffff0000,
  acceptOwn: 0xffff0001,
  llgrStale: 0xffff0006,
  noLlgr: 0xffff0007,
  blackhole: 0xffff029a,
  noExport: 0xffffff01,
  noAdvertise: 0xffffff02,
  noExportSubconfed: 0xffffff03,
  noPeer: 0xffffff04,
} as const;

export const errorCodes = {
  header: 1,
  open: 2,
  update: 3,
  holdTimer: 4,
  fsm: 5,
  cease: 6,
  routeRefresh: 7,
} as const;

export const headerErrors = { connectionNotSynchronized: 1, badMessageLength: 2, badMessageType: 3 } as const;

export const openErrors = {
  unspecific: 0,
  unsupportedVersion: 1,
  badPeerAs: 2,
  badBgpIdentifier: 3,
  unsupportedOptionalParameter: 4,
  unacceptableHoldTime: 6,
  unsupportedCapability: 7,
  roleMismatch: 11,
} as const;

export const updateErrors = {
  malformedAttributeList: 1,
  unrecognizedWellKnownAttribute: 2,
  missingWellKnownAttribute: 3,
  attributeFlags: 4,
  attributeLength: 5,
  invalidOrigin: 6,
  invalidNextHop: 8,
  optionalAttribute: 9,
  invalidNetworkField: 10,
  malformedAsPath: 11,
} as const;

/** RFC 6608. */
export const fsmErrors = { unspecified: 0, inOpenSent: 1, inOpenConfirm: 2, inEstablished: 3 } as const;

/** RFC 4486, 8538 and 9384. */
export const ceaseErrors = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  connectionCollision: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const;

/** RFC 7313 section 5. */
export const routeRefreshErrors = { invalidMessageLength: 1 } as const;
