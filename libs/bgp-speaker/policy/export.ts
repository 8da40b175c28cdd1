import type { Address } from '@caracal/net';
import {
  type AsPath,
  attributeFlags,
  type PathAttributes,
  prependAs,
  type RouteFamily,
  wellKnownCommunities,
} from 'bgp-parser';
import { isLinkLocal } from '../link-local.ts';
import type { Peer } from '../peer.ts';

/** Where the best path of a route comes from. */
export type Source = 'local' | 'external' | 'internal' | 'client';

/** A peer as far as it decides what it is told. */
export type ExportTarget = Pick<
  Peer,
  'config' | 'local' | 'number' | 'external' | 'asNumber' | 'negotiated' | 'ownNextHop'
>;

/** What a peer is told of a route: attributes without next hop, and the next hop. */
export interface Exported {
  readonly attributes: PathAttributes;
  readonly nextHop: Address;
}

/**
 * Internal routes are not passed to internal peers (RFC 4271 section 9.2) unless one of the two is our client (RFC 4456
 * section 6), nor back to where they came from.
 */
export function mayExport(peer: ExportTarget, source: Source, sourcePeer: number): boolean {
  if (sourcePeer === peer.number) return false;
  return source !== 'internal' || peer.external || peer.config.reflectorClient === true;
}

/** Whether a route goes from an internal peer to another, through us as a reflector. */
export function isReflected(peer: ExportTarget, source: Source): boolean {
  return !peer.external && (source === 'internal' || source === 'client');
}

/** Whether all routes go to the peer in the ways of RFC 4271 section 5.1 alone. */
export function exportsPlainly({ config }: ExportTarget): boolean {
  return !config.asOverride && !config.removePrivateAs && (config.nextHopMode ?? 'Auto') === 'Auto';
}

/**
 * The attributes of a route as the peer gets them (RFC 4271 section 5.1), or undefined when it must not get it.
 * `keepMed`: the MULTI_EXIT_DISC is ours, and goes to external peers too; `originator`: the BGP Identifier of the peer
 * that a reflected route comes from.
 */
export function exportAttributes(
  peer: ExportTarget,
  family: RouteFamily,
  source: Source,
  attributes: PathAttributes,
  receivedNextHop: Address | undefined,
  { keepMed = source === 'local', originator = 0 } = {},
): Exported | undefined {
  const communities = attributes.communities ?? [];
  if (communities.includes(wellKnownCommunities.noAdvertise)) return undefined;
  if (peer.external) {
    // RFC 1997; outside a confederation both mean the same.
    if (communities.includes(wellKnownCommunities.noExport)) return undefined;
    if (communities.includes(wellKnownCommunities.noExportSubconfed)) return undefined;
  }
  const own = peer.ownNextHop(family);
  // Sections 5.1.3 1 and 2: kept towards internal peers, ours towards external ones.
  const mode = peer.config.nextHopMode ?? 'Auto';
  const ours = source === 'local' || (mode === 'Auto' ? peer.external : mode === 'Self');
  const nextHop = ours || !(receivedNextHop && mayName(peer, family, receivedNextHop)) ? own : receivedNextHop;
  if (!nextHop) return undefined;
  const { nextHop: _, mpReach: __, mpUnreach: ___, localPref, med, originatorId, clusterList, ...rest } = attributes;
  const common: PathAttributes = {
    ...rest,
    // Section 5: who passes on an attribute that it does not know says so.
    ...(rest.unknown && { unknown: rest.unknown.map((u) => ({ ...u, flags: u.flags | attributeFlags.partial })) }),
  };
  if (isReflected(peer, source)) {
    // RFC 4456 section 8; section 10: nothing else is changed.
    const reflected = {
      originatorId: originatorId ?? originator,
      clusterList: [peer.local.clusterId, ...(clusterList ?? [])],
    };
    return { attributes: { ...common, med, localPref: localPref ?? 100, ...reflected }, nextHop };
  }
  if (!peer.external) {
    return { attributes: { ...common, med, localPref: localPref ?? 100, originatorId, clusterList }, nextHop };
  }
  return {
    attributes: {
      ...common,
      asPath: prependAs(towards(peer, attributes.asPath ?? []), peer.local.asNumber),
      // Section 5.1.4: what another AS sent is not passed on.
      ...(keepMed && { med }),
    },
    nextHop,
  };
}

/** Whether the peer can use a next hop that another has told us. */
function mayName(peer: ExportTarget, family: RouteFamily, nextHop: Address): boolean {
  if (isLinkLocal(nextHop)) return false;
  return nextHop.family === 4 || family === 'ipv6Unicast' || peer.negotiated?.context.extendedNextHop === true;
}

/** RFC 6996 section 5. */
function isPrivate(asNumber: number): boolean {
  return (asNumber >= 64512 && asNumber <= 65534) || (asNumber >= 4200000000 && asNumber <= 4294967294);
}

/** The received path as the peer is to see it, before our own AS number. */
function towards({ config, local, asNumber: theirs }: ExportTarget, path: AsPath): AsPath {
  if (!config.asOverride && !config.removePrivateAs) return path;
  return path
    .map(({ type, asNumbers }) => {
      const kept = config.removePrivateAs ? asNumbers.filter((asNumber) => !isPrivate(asNumber)) : asNumbers;
      const override = (asNumber: number) => (asNumber === theirs ? local.asNumber : asNumber);
      return { type, asNumbers: config.asOverride ? kept.map(override) : kept };
    })
    .filter(({ asNumbers }) => asNumbers.length > 0);
}
