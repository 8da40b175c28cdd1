import { formatPrefix, type Prefix, parsePrefix } from '@caracal/net';
import { origins, type PathAttributes, parseCommunity, parseLargeCommunity } from 'bgp-parser';
import type { OriginatedRoute } from './config.ts';
import type { LocRib } from './rib/loc-rib.ts';
import { localPeer } from './rib/path-store.ts';
import type { Ribs } from './update-in.ts';

/** The routes that this speaker originates: paths of peer 0. */
export class Originated {
  readonly #ribs: Ribs;
  /** By prefix in canonical form: one prefix can be written in several ways. */
  #routes = new Map<string, OriginatedRoute>();

  constructor(ribs: Ribs) {
    this.#ribs = ribs;
  }

  /** Announces and withdraws the difference to what was originated before. */
  set(routes: readonly OriginatedRoute[]): void {
    const wanted = new Map<string, OriginatedRoute>();
    for (const route of routes) {
      const prefix = parsePrefix(route.prefix);
      if (prefix) wanted.set(formatPrefix(prefix), route);
    }
    for (const text of this.#routes.keys()) {
      const prefix = parsePrefix(text);
      if (prefix && !wanted.has(text)) this.#ribOf(prefix).withdraw(localPeer, prefix);
    }
    for (const [text, route] of wanted) {
      const prefix = parsePrefix(text);
      const before = this.#routes.get(text);
      if (!prefix || (before && communitiesKey(before) === communitiesKey(route))) continue;
      this.#ribOf(prefix).announce(localPeer, prefix, this.#ribs.attributes.intern(attributesOf(route)), 0);
    }
    this.#routes = wanted;
  }

  #ribOf({ address }: Prefix): LocRib {
    return this.#ribs.families[address.family === 4 ? 'ipv4Unicast' : 'ipv6Unicast'];
  }
}

/** The attributes of a route of our own. */
export function attributesOf(route: OriginatedRoute): PathAttributes {
  return { origin: origins.igp, asPath: [], ...communitiesOf(route) };
}

/** The communities of a route of our own as attributes. */
export function communitiesOf({ communities = [] }: Pick<OriginatedRoute, 'communities'>): PathAttributes {
  const short = communities.map(parseCommunity).filter((value) => value !== undefined);
  const large = communities.map(parseLargeCommunity).filter((value) => value !== undefined);
  return {
    ...(short.length > 0 && { communities: short }),
    ...(large.length > 0 && { largeCommunities: large }),
  };
}

function communitiesKey(route: OriginatedRoute): string {
  return JSON.stringify(route.communities ?? []);
}
