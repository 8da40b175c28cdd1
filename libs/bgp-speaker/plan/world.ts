import { type Address, type Prefix, parseAddress, parsePrefix, prefixCovers } from '@caracal/net';
import type { RouteFamily } from 'bgp-parser';
import type { AggregateConfig, PeerConfig, SpeakerConfig } from '../config.ts';
import type { PeerFacts } from '../decision/steps.ts';
import { type LocalIdentity, localOf } from '../negotiation.ts';
import type { Peer } from '../peer.ts';
import { peerOfRange } from '../peer-ranges.ts';
import type { PeerSet } from '../peer-set.ts';
import type { ExportTarget, Source } from '../policy/export.ts';
import type { ImportTarget } from '../policy/import.ts';
import { localPeer } from '../rib/path-store.ts';
import type { PlannedSession } from '../session-changes.ts';

/** A peer under one of the two configurations, as import and export see it. */
export interface PlannedPeer extends ImportTarget, ExportTarget {
  readonly families: readonly RouteFamily[];
  /** Families of which it is told several paths. */
  readonly sendsPaths: readonly RouteFamily[];
}

/** What decides about routes under one configuration. */
export interface World {
  readonly config: SpeakerConfig;
  readonly facts: PeerFacts;
  /** Those that have a session, by name. */
  readonly told: ReadonlyMap<string, PlannedPeer>;
  /** All whose routes there are, by number. */
  readonly heard: ReadonlyMap<number, PlannedPeer>;
  readonly aggregates: readonly PlannedAggregate[];
  sourceOf(number: number): Source;
}

export interface PlannedAggregate {
  readonly config: AggregateConfig;
  readonly prefix: Prefix;
}

/** As it is. */
export function worldNow(peers: PeerSet, config: SpeakerConfig): World {
  const list = [...peers].map((peer) => plannedPeer(peer, peer.config, peer.local));
  return worldOf(config, peers, list, established(peers));
}

/** As it would be: the peers that stay or restart are taken to say and to agree to what they do now. */
export function worldAfter(
  peers: PeerSet,
  before: SpeakerConfig,
  config: SpeakerConfig,
  sessions: ReadonlyMap<string, PlannedSession>,
): World {
  const local = localOf(config);
  const told = established(peers);
  const list: PlannedPeer[] = [];
  for (const next of peersAfter(peers, config)) {
    const change = sessions.get(next.range ?? next.name)?.change ?? 'begins';
    const peer = peers.byName.get(next.name);
    if (next.shutdown || change === 'shutsDown') continue;
    if (peer && change !== 'begins') {
      const now = before.peers.find(({ name }) => name === next.name) ?? peer.config;
      list.push(plannedPeer(peer, next, local, now));
    } else {
      list.push(newPeer(next, local, config));
      told.add(next.name);
    }
  }
  return worldOf(config, peers, list, told);
}

/** The peers of a configuration: of one by prefix those that are there, as it would have them. */
function peersAfter(peers: PeerSet, config: SpeakerConfig): PeerConfig[] {
  return config.peers.flatMap((next) => {
    if (next.peerPrefix === undefined) return [next];
    const own = [...peers].filter((peer) => peer.config.range === next.name);
    return own.flatMap(({ config: { peerAddress } }) => (peerAddress ? [peerOfRange(next, peerAddress)] : []));
  });
}

function established(peers: PeerSet): Set<string> {
  return new Set([...peers].filter((peer) => peer.established).map((peer) => peer.config.name));
}

function worldOf(
  config: SpeakerConfig,
  peers: PeerSet,
  list: readonly PlannedPeer[],
  told: ReadonlySet<string>,
): World {
  const heard = new Map(list.map((peer) => [peer.number, peer]));
  const facts: PeerFacts = { ...peers.facts, isExternal: (number) => heard.get(number)?.external ?? false };
  return {
    config,
    facts,
    heard,
    told: new Map(list.filter((peer) => told.has(peer.config.name)).map((peer) => [peer.config.name, peer])),
    aggregates: (config.aggregates ?? []).flatMap((aggregate) => {
      const prefix = parsePrefix(aggregate.prefix);
      return prefix ? [{ config: aggregate, prefix }] : [];
    }),
    sourceOf: (number) => {
      if (number === localPeer) return 'local';
      if (facts.isExternal(number)) return 'external';
      return heard.get(number)?.config.reflectorClient ? 'client' : 'internal';
    },
  };
}

/** A peer that is there, under other settings; `now` are those that its session was agreed on with. */
function plannedPeer(peer: Peer, config: PeerConfig, local: LocalIdentity, now = config): PlannedPeer {
  const { negotiated } = peer;
  const agreed = negotiated?.families ?? config.families;
  const families = config.families.filter((family) => agreed.includes(family) || !now.families.includes(family));
  const sends = (config.addPaths?.send ?? 'None') !== 'None';
  const sentNow = (now.addPaths?.send ?? 'None') !== 'None';
  return {
    config,
    local,
    number: peer.number,
    external: asOf(config, negotiated?.peerAs) !== local.asNumber,
    asNumber: asOf(config, negotiated?.peerAs),
    negotiated,
    addresses: peer.addresses,
    ownNextHop: (family) => peer.ownNextHop(family),
    families,
    sendsPaths: sends ? families.filter((family) => !sentNow || negotiated?.sendsPaths.includes(family)) : [],
  };
}

/** A peer that is not there yet: taken to agree to all that it is offered, and to be where we have an address. */
function newPeer(config: PeerConfig, local: LocalIdentity, { routerId }: SpeakerConfig): PlannedPeer {
  const standIn: Readonly<Record<RouteFamily, Address | undefined>> = {
    ipv4Unicast: parseAddress(routerId),
    ipv6Unicast: parseAddress('2001:db8::1'),
  };
  return {
    config,
    local,
    number: -1,
    external: asOf(config) !== local.asNumber,
    asNumber: asOf(config),
    negotiated: undefined,
    addresses: {},
    ownNextHop: (family) => standIn[family],
    families: config.families,
    sendsPaths: (config.addPaths?.send ?? 'None') === 'None' ? [] : config.families,
  };
}

/** The AS number of a peer: the configured one, or where that may be any, that of its session; 0 before. */
function asOf({ peerAs }: PeerConfig, known = 0): number {
  return typeof peerAs === 'number' ? peerAs : known;
}

/** Whether an aggregate stands for the route towards external peers. */
export function hiddenByAggregate({ aggregates }: World, prefix: Prefix): boolean {
  return aggregates.some(({ config, prefix: own }) => config.summaryOnly && strictlyCovers(own, prefix));
}

export function strictlyCovers(outer: Prefix, inner: Prefix): boolean {
  return outer.address.family === inner.address.family && inner.length > outer.length && prefixCovers(outer, inner);
}
