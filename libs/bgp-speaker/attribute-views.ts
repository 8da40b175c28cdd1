import { type Prefix, prefixCovers } from '@caracal/net';
import { families } from './propagation.ts';
import type { Ribs } from './update-in.ts';
import { viewAttributes } from './views.ts';

/** A set of attributes that paths share. */
export interface AttributeView {
  readonly paths: number;
  /** How many prefixes those paths lead to. */
  readonly prefixes: number;
  /** The names of the peers that they come from, or `local`. */
  readonly peers: readonly string[];
  readonly nextHop: string;
  readonly asPath: string;
  /** The other attributes as name and text. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface AttributeFilter {
  /** Only paths of the peer with this number. */
  readonly peer?: number;
  /** Only paths to this prefix and to those within it. */
  readonly within?: Prefix;
}

/** So many routes are counted, or sets decoded, in one step. */
const stepSize = 256;

/** More paths than this count as so many where sets are put in order. */
const mostPaths = 2 ** 24;
const numberStep = 2 ** 28;

interface Users {
  paths: number;
  prefixes: number;
  /** The route that was counted last. */
  lastRoute: number;
  readonly peers: Set<number>;
}

/**
 * The attribute sets in use, those of most paths first, in steps that are short whatever the tables' sizes: between two of
 * them routes may change, which the counts then follow in part. A step without news yields nothing.
 */
export function* attributeViews(
  ribs: Ribs,
  nameOf: (peer: number) => string,
  { peer, within }: AttributeFilter,
): Generator<readonly AttributeView[]> {
  const users = new Map<number, Users>();
  try {
    for (const family of families) {
      const rib = ribs.families[family];
      const { prefixes, paths } = rib;
      for (const one of users.values()) one.lastRoute = -1;
      for (let route = 0; route < prefixes.end; route++) {
        if (route % stepSize === 0) yield [];
        const first = rib.firstPath(route);
        if (first < 0 || (within && !prefixCovers(within, prefixes.at(route)))) continue;
        for (let path = first; path >= 0; path = paths.next[path]) {
          if (peer !== undefined && paths.peer[path] !== peer) continue;
          const one = usersOf(ribs, users, paths.attributes[path]);
          one.paths++;
          if (one.lastRoute !== route) one.prefixes++;
          one.lastRoute = route;
          one.peers.add(paths.peer[path]);
        }
      }
    }
    // As numbers: they are sorted without a call for each comparison.
    const rankOf = (paths: number) => mostPaths - Math.min(mostPaths, paths);
    const order = Float64Array.from(users, ([number, { paths }]) => rankOf(paths) * numberStep + number).sort();
    for (let at = 0; at < order.length; at += stepSize) {
      yield Array.from(order.subarray(at, at + stepSize), (key) => viewOf(ribs, nameOf, users, key % numberStep));
    }
  } finally {
    for (const number of users.keys()) ribs.attributes.release(number);
  }
}

/** The users of a set. It stays in use while they are counted: its number would be given out again. */
function usersOf(ribs: Ribs, users: Map<number, Users>, number: number): Users {
  const known = users.get(number);
  if (known) return known;
  ribs.attributes.retain(number);
  const added: Users = { paths: 0, prefixes: 0, lastRoute: -1, peers: new Set() };
  users.set(number, added);
  return added;
}

function viewOf(
  ribs: Ribs,
  nameOf: (peer: number) => string,
  users: ReadonlyMap<number, Users>,
  number: number,
): AttributeView {
  const { paths = 0, prefixes = 0, peers = [] } = users.get(number) ?? {};
  const shown = viewAttributes(ribs.attributes.at(number), ribs.attributes.nextHop(number));
  return { paths, prefixes, peers: [...peers].map(nameOf).sort(), ...shown };
}
