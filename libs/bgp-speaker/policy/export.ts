import type { Address } from '@caracal/net';
import { attributeFlags, type PathAttributes, prependAs, type RouteFamily, wellKnownCommunities } from 'bgp-parser';
import type { Peer } from '../peer.ts';

/** Where the best path of a route comes from. */
export type Source = 'local' | 'external' | 'internal';

/** What a peer is told of a route: attributes without next hop, and the next hop. */
export interface Exported {
  readonly attributes: PathAttributes;
  readonly nextHop: Address;
}

/** Internal routes are not passed to internal peers (RFC 4271 section 9.2), nor back to where they came from. */
export function mayExport(peer: Peer, source: Source, sourcePeer: number): boolean {
  if (sourcePeer === peer.number) return false;
  return source !== 'internal' || peer.external;
}

/**
 * The attributes of a route as the peer gets them (RFC 4271 section 5.1), or undefined when it must not get it.
 * `keepMed`: the MULTI_EXIT_DISC is ours, and goes to external peers too.
 */
export function exportAttributes(
  peer: Peer,
  family: RouteFamily,
  source: Source,
  attributes: PathAttributes,
  receivedNextHop: Address | undefined,
  keepMed = source === 'local',
): Exported | undefined {
  const communities = attributes.communities ?? [];
  if (communities.includes(wellKnownCommunities.noAdvertise)) return undefined;
  if (peer.external) {
    // RFC 1997; outside a confederation both mean the same.
    if (communities.includes(wellKnownCommunities.noExport)) return undefined;
    if (communities.includes(wellKnownCommunities.noExportSubconfed)) return undefined;
  }
  const own = family === 'ipv4Unicast' ? peer.addresses.ipv4 : peer.addresses.ipv6;
  // Sections 5.1.3 1 and 2: kept towards internal peers, ours towards external ones.
  const nextHop = peer.external || source === 'local' ? own : receivedNextHop;
  if (!nextHop) return undefined;
  const { nextHop: _, mpReach: __, mpUnreach: ___, localPref, med, originatorId, clusterList, ...rest } = attributes;
  const common: PathAttributes = {
    ...rest,
    // Section 5: who passes on an attribute that it does not know says so.
    ...(rest.unknown && { unknown: rest.unknown.map((u) => ({ ...u, flags: u.flags | attributeFlags.partial })) }),
  };
  if (!peer.external) {
    return { attributes: { ...common, med, localPref: localPref ?? 100, originatorId, clusterList }, nextHop };
  }
  return {
    attributes: {
      ...common,
      asPath: prependAs(attributes.asPath ?? [], peer.local.asNumber),
      // Section 5.1.4: what another AS sent is not passed on.
      ...(keepMed && { med }),
    },
    nextHop,
  };
}
