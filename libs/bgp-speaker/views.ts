import { type Address, formatAddress, formatPrefix } from '@caracal/net';
import { formatAsPath, formatAttributes, type PathAttributes, type RouteFamily } from 'bgp-parser';
import type { Advertiser } from './advertiser.ts';
import { explain } from './decision/decide.ts';
import type { PeerFacts } from './decision/steps.ts';
import type { BfdState } from './environment.ts';
import type { State } from './fsm/table.ts';
import { excluded } from './rib/path-store.ts';
import type { Ribs } from './update-in.ts';

/** One peer as the agent and people see it. */
export interface PeerStatus {
  readonly name: string;
  /** The peer by prefix that it is of. */
  readonly range?: string;
  /** Of a peer by interface the link-local one, or only the interface until it is known. */
  readonly address: string;
  /** The configured one; for any external AS that of the last session, 0 before. */
  readonly asNumber: number;
  readonly state: State;
  /** Whether its routes of before are kept because it restarts (RFC 4724). */
  readonly restarting: boolean;
  /** Of the BFD session that watches the path to it; absent when there is none. */
  readonly bfd?: BfdState;
  /** When it entered the state, Unix milliseconds. */
  readonly sinceMs: number;
  /** Prefixes accepted into the Adj-RIB-In. */
  readonly received: number;
  readonly advertised: number;
  /** Empty when there is none. */
  readonly lastError: string;
}

/** A peer by prefix as people see it. */
export interface PeerRangeStatus {
  readonly name: string;
  readonly prefix: string;
  /** The configured one; 0 when it may be several. */
  readonly asNumber: number;
  readonly sessions: number;
  readonly sessionLimit: number;
  /** Why there are none. */
  readonly shutdown?: string;
}

/** One path as people see it. */
export interface RouteView {
  readonly prefix: string;
  readonly family: RouteFamily;
  /** The path identifier, of a session that has them (RFC 7911). */
  readonly pathId?: number;
  /** The peer's name, or `local`. */
  readonly peer: string;
  readonly nextHop: string;
  readonly asPath: string;
  readonly best: boolean;
  /** Kept while the peer restarts, and not announced again yet. */
  readonly stale: boolean;
  /** Why it takes no part in the decision; empty when it does. */
  readonly excluded: string;
  /** Which step of the decision chose it, or which it lost; only when that was asked for. */
  readonly why?: string;
  /** The other attributes as name and text. */
  readonly attributes: Readonly<Record<string, string>>;
}

const exclusionNames: readonly (readonly [number, string])[] = [
  [excluded.byPolicy, 'import policy'],
  [excluded.asLoop, 'own AS in path'],
  [excluded.reflectionLoop, 'own id in ORIGINATOR_ID or CLUSTER_LIST'],
  [excluded.nextHop, 'unusable next hop'],
];

function formatExclusion(bits: number): string {
  return exclusionNames
    .filter(([bit]) => bits & bit)
    .map(([, name]) => name)
    .join(', ');
}

/** The parts of a view that come from the attributes. */
export function viewAttributes(attributes: PathAttributes, nextHop: Address | undefined) {
  const shown = formatAttributes(attributes).filter(({ name }) => !['asPath', 'nextHop', 'mpReach'].includes(name));
  return {
    nextHop: nextHop ? formatAddress(nextHop) : '',
    asPath: formatAsPath(attributes.asPath ?? []),
    attributes: Object.fromEntries(shown.map(({ name, text }) => [name, text])),
  };
}

/** Every path, or those of the peer with the number `only`; with `peers`, why each was chosen or not. */
export function pathViews(ribs: Ribs, nameOf: (peer: number) => string, only?: number, peers?: PeerFacts): RouteView[] {
  const views: RouteView[] = [];
  for (const rib of Object.values(ribs.families)) {
    rib.forEach((route, first) => {
      const prefix = formatPrefix(rib.prefixes.at(route));
      const reasons = peers && explain(first, { paths: rib.paths, attributes: ribs.attributes, peers });
      for (let path = first; path >= 0; path = rib.paths.next[path]) {
        if (only !== undefined && rib.paths.peer[path] !== only) continue;
        const number = rib.paths.attributes[path];
        views.push({
          prefix,
          family: rib.family,
          ...(rib.paths.id(path) !== 0 && { pathId: rib.paths.id(path) }),
          peer: nameOf(rib.paths.peer[path]),
          ...viewAttributes(ribs.attributes.at(number), ribs.attributes.nextHop(number)),
          best: rib.bestPath(route) === path,
          stale: rib.isStale(path),
          excluded: formatExclusion(rib.paths.exclusion[path]),
          ...(reasons && { why: reasons.get(path) }),
        });
      }
    });
  }
  return views;
}

/** What the advertiser's peer was told. */
export function advertisedViews(ribs: Ribs, advertiser: Advertiser): RouteView[] {
  const views: RouteView[] = [];
  for (const rib of Object.values(ribs.families)) {
    advertiser.advertised(rib.family, (route, { attributes, nextHop }, pathId) => {
      views.push({
        prefix: formatPrefix(rib.prefixes.at(route)),
        family: rib.family,
        ...(pathId !== undefined && { pathId }),
        peer: advertiser.peer.config.name,
        ...viewAttributes(attributes, nextHop),
        best: pathId === undefined || pathId === rib.bestPath(route) + 1,
        stale: false,
        excluded: '',
      });
    });
  }
  return views;
}
