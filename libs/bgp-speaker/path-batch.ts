import type { DecodeContext, Nlri, RouteFamily } from 'bgp-parser';
import { bestOf } from './decision/decide.ts';
import type { Peer } from './peer.ts';
import type { PeerSet } from './peer-set.ts';
import type { AdjRibOut } from './rib/adj-rib-out.ts';
import type { AdvertisedPaths } from './rib/advertised-paths.ts';
import type { ExportedPath, RouteExport } from './route-export.ts';
import type { Ribs } from './update-in.ts';
import { announcements, withdrawals } from './update-out.ts';

/** How many routes are taken at once. */
const batchSize = 1024;

/** What a batch says: UPDATEs, and the routes of which the peer holds nothing any more. */
export interface PathBatch {
  readonly messages: readonly Uint8Array[];
  readonly gone: readonly number[];
}

interface Told extends ExportedPath {
  readonly id: number;
}

/** Tells one peer of several paths to a prefix (RFC 7911). Path identifiers are the numbers of our paths, from 1. */
export class PathTeller {
  readonly #peer: Peer;
  readonly #ribs: Ribs;
  readonly #peers: PeerSet;
  readonly #export: RouteExport;

  constructor(peer: Peer, ribs: Ribs, peers: PeerSet, routeExport: RouteExport) {
    this.#peer = peer;
    this.#ribs = ribs;
    this.#peers = peers;
    this.#export = routeExport;
  }

  /** The paths of a route that the peer is to hear of. */
  chosen(family: RouteFamily, route: number): Told[] {
    const { paths } = this.#ribs.families[family];
    const { send = 'None', bestPaths = 1 } = this.#peer.config.addPaths ?? {};
    const first = this.#ribs.families[family].firstPath(route);
    const input = { paths, attributes: this.#ribs.attributes, peers: this.#peers.facts };
    return bestOf(first, input, send === 'All' ? Number.POSITIVE_INFINITY : bestPaths)
      .map((path) => ({ route, from: paths.peer[path], attributes: paths.attributes[path], id: path + 1 }))
      .filter(({ from, attributes }) => this.#export.ruleFor(family, route, from, attributes) >= 0);
  }

  next(family: RouteFamily, out: AdjRibOut, said: AdvertisedPaths, context: DecodeContext): PathBatch {
    const { prefixes } = this.#ribs.families[family];
    const withdrawn: Nlri[] = [];
    const gone: number[] = [];
    /** By attributes and peer: they share an UPDATE when the policy says the same of them. */
    const groups = new Map<string, Told[]>();
    this.#export.begin();
    for (let taken = 0; taken < batchSize; taken++) {
      const route = out.next();
      if (route < 0) break;
      if (route === out.defaultRoute) continue;
      const chosen = this.chosen(family, route);
      const ids = new Set(chosen.map(({ id }) => id));
      for (const id of [...said.ids(route)]) {
        if (!ids.has(id) && said.delete(route, id)) withdrawn.push({ prefix: prefixes.at(route), pathId: id });
      }
      for (const told of chosen) {
        if (said.says(route, told.id, told.attributes)) continue;
        const rule = this.#export.ruleFor(family, route, told.from, told.attributes);
        const key = `${told.attributes} ${told.from} ${rule}`;
        const group = groups.get(key);
        if (group) group.push(told);
        else groups.set(key, [told]);
      }
      if (chosen.length > 0) out.add(route);
      else {
        out.delete(route);
        gone.push(route);
      }
    }
    const messages: Uint8Array[] = [];
    for (const group of groups.values()) {
      const exported = this.#export.export(family, group[0]);
      const list = group.map(({ route, id }) => ({ prefix: prefixes.at(route), pathId: id }));
      const told = exported ? announcements(family, exported.attributes, exported.nextHop, list, context) : [];
      messages.push(...told);
      for (const [i, { route, id, attributes }] of group.entries()) {
        if (told.length > 0) said.set(route, id, attributes);
        // It must not be told, or its attributes do not fit into a message.
        else if (said.delete(route, id)) withdrawn.push(list[i]);
      }
    }
    return { messages: [...withdrawals(family, withdrawn, context), ...messages], gone };
  }
}
