import { ipv4ToNumber, parseAddress } from '@caracal/net';
import {
  asNumberOf,
  type Capability,
  type DecodeContext,
  errorCodes,
  familyNumbers,
  type Open,
  openErrors,
  type RouteFamily,
  routeFamilyOf,
  type SessionReset,
  sessionReset,
  twoOctetAs,
} from 'bgp-parser';
import { gracefulRestartOf, type PeerConfig, type SpeakerConfig } from './config.ts';
import { type PeerRestart, peerRestartOf, restartCapability } from './graceful-restart.ts';

/** Who we are in an OPEN. */
export interface LocalIdentity {
  readonly asNumber: number;
  /** The BGP Identifier as a number. */
  readonly identifier: number;
  /** The CLUSTER_ID as a number. */
  readonly clusterId: number;
}

/** What the two OPENs of a session agree on. */
export interface Negotiated {
  readonly peerAs: number;
  readonly peerIdentifier: number;
  /** 0: neither keepalives nor a hold timer. */
  readonly holdTimeSeconds: number;
  readonly families: readonly RouteFamily[];
  readonly routeRefresh: boolean;
  /** Families of which the peer is told several paths (RFC 7911); the context names those of which it tells several. */
  readonly sendsPaths: readonly RouteFamily[];
  /** What the peer says of its restarts; absent when it sends no End-of-RIB. */
  readonly peerRestart?: PeerRestart;
  readonly context: DecodeContext;
}

/** The number of a dotted quad that has been validated. */
function identifierOf(routerId: string): number {
  const address = parseAddress(routerId);
  if (address?.family !== 4) throw new Error(`router id ${routerId} is not a dotted quad`);
  return ipv4ToNumber(address);
}

/** Who we are under a configuration. */
export function localOf({ localAs, routerId, clusterId = routerId }: SpeakerConfig): LocalIdentity {
  return { asNumber: localAs, identifier: identifierOf(routerId), clusterId: identifierOf(clusterId) };
}

/** RFC 7911 section 4, bits. */
const addPathModes = { receive: 1, send: 2 } as const;

function addPathCapability({ addPaths, families }: PeerConfig): Capability[] {
  const send = (addPaths?.send ?? 'None') === 'None' ? 0 : addPathModes.send;
  const mode = (addPaths?.receive ? addPathModes.receive : 0) | send;
  if (mode === 0) return [];
  return [{ name: 'addPath', families: families.map((family) => ({ ...familyNumbers(family), mode })) }];
}

const ipv6Afi = familyNumbers('ipv6Unicast').afi;
/** RFC 8950 section 4: IPv4 unicast routes with IPv6 next hops. */
const extendedNextHop: Capability = {
  name: 'extendedNextHop',
  entries: [{ ...familyNumbers('ipv4Unicast'), nextHopAfi: ipv6Afi }],
};

function hasExtendedNextHop(capability: Capability): boolean {
  if (capability.name !== 'extendedNextHop') return false;
  return capability.entries.some((e) => routeFamilyOf(e.afi, e.safi) === 'ipv4Unicast' && e.nextHopAfi === ipv6Afi);
}

function offersExtendedNextHop(peer: PeerConfig): boolean {
  return (peer.extendedNextHop === true || peer.interface !== undefined) && peer.families.includes('ipv4Unicast');
}

/** The OPEN that we send to a peer; `own`: whether we have restarted, and forwarded meanwhile. */
export function localOpen(
  local: LocalIdentity,
  peer: PeerConfig,
  own: { readonly restarting: boolean; readonly forwardingKept: boolean },
): Open {
  const capabilities: Capability[] = [
    ...peer.families.map((family): Capability => ({ name: 'multiprotocol', ...familyNumbers(family) })),
    ...(offersExtendedNextHop(peer) ? [extendedNextHop] : []),
    ...addPathCapability(peer),
    { name: 'routeRefresh' },
    { name: 'enhancedRouteRefresh' },
    ...(peer.extendedMessages ? [{ name: 'extendedMessage' } as const] : []),
    ...restartCapability(gracefulRestartOf(peer), peer.families, own),
    { name: 'fourOctetAs', asNumber: local.asNumber },
  ];
  return {
    type: 'open',
    asNumber: twoOctetAs(local.asNumber),
    holdTimeSeconds: peer.holdTimeSeconds,
    bgpIdentifier: local.identifier,
    capabilities,
  };
}

/** What the AS number of a peer should be, in words; undefined when it is that. */
function unexpectedAs(own: number, peerAs: PeerConfig['peerAs'], received: number): string | undefined {
  if (peerAs === 'External') return received === own ? `any but ${own}` : undefined;
  if (typeof peerAs === 'number') return received === peerAs ? undefined : String(peerAs);
  const { min, max } = peerAs;
  return received >= min && received <= max ? undefined : `${min} to ${max}`;
}

/** Checks the peer's OPEN against the configuration (RFC 4271 section 6.2), and says what both sides can do. */
export function negotiate(local: LocalIdentity, peer: PeerConfig, open: Open): Negotiated | SessionReset {
  const received = asNumberOf(open);
  const external = received !== local.asNumber;
  const expected = unexpectedAs(local.asNumber, peer.peerAs, received);
  if (expected !== undefined) {
    const message = `Bad Peer AS: expected ${expected}, received ${received}`;
    return sessionReset(errorCodes.open, openErrors.badPeerAs, message);
  }
  // RFC 6286 section 2.2: unique within an AS.
  if (!external && open.bgpIdentifier === local.identifier) {
    const message = 'Bad BGP Identifier: the internal peer has ours';
    return sessionReset(errorCodes.open, openErrors.badBgpIdentifier, message);
  }
  const has = (name: Capability['name']) => open.capabilities.some((capability) => capability.name === name);
  const offered = open.capabilities.flatMap((capability) => {
    if (capability.name !== 'multiprotocol') return [];
    const family = routeFamilyOf(capability.afi, capability.safi);
    return family ? [family] : [];
  });
  // RFC 4760 section 8: a peer without the capability speaks IPv4 unicast.
  const theirs: readonly RouteFamily[] = has('multiprotocol') ? offered : ['ipv4Unicast'];
  const families = peer.families.filter((family) => theirs.includes(family));
  const addPath = open.capabilities.flatMap((capability) => (capability.name === 'addPath' ? capability.families : []));
  const agreedAddPath = (wanted: boolean, theirMode: number) =>
    families.filter((family) => {
      const modes = addPath.filter(({ afi, safi }) => routeFamilyOf(afi, safi) === family).map(({ mode }) => mode);
      // RFC 7911 section 4: other values mean nothing.
      return wanted && modes.some((mode) => mode <= 3 && (mode & theirMode) !== 0);
    });
  return {
    peerAs: received,
    peerIdentifier: open.bgpIdentifier,
    holdTimeSeconds: Math.min(peer.holdTimeSeconds, open.holdTimeSeconds),
    families,
    routeRefresh: has('routeRefresh'),
    sendsPaths: agreedAddPath((peer.addPaths?.send ?? 'None') !== 'None', addPathModes.receive),
    peerRestart: peerRestartOf(gracefulRestartOf(peer), open.capabilities),
    context: {
      fourOctetAs: has('fourOctetAs'),
      external,
      addPath: agreedAddPath(peer.addPaths?.receive === true, addPathModes.send),
      extendedNextHop: offersExtendedNextHop(peer) && open.capabilities.some(hasExtendedNextHop),
      extendedMessage: !!peer.extendedMessages && has('extendedMessage'),
      enhancedRouteRefresh: has('enhancedRouteRefresh'),
    },
  };
}

/**
 * Whether the connection that we started survives a collision (RFC 4271 section 6.8): the one of the higher BGP
 * Identifier does, with equal ones that of the higher AS number (RFC 6286 section 2.3).
 */
export function oursSurvives(local: LocalIdentity, peerIdentifier: number, peerAs: number): boolean {
  if (local.identifier !== peerIdentifier) return local.identifier > peerIdentifier;
  return local.asNumber > peerAs;
}
