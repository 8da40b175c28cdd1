import { addressFromBytes, type Prefix } from '@caracal/net';
import { type DecodeContext, encodeMessage, familyNumbers, type RouteFamily } from 'bgp-parser';
import type { Aggregates } from './aggregates.ts';
import { MessageSlab } from './message-slab.ts';
import { PathTeller } from './path-batch.ts';
import type { Peer } from './peer.ts';
import type { PeerSet } from './peer-set.ts';
import type { Exported } from './policy/export.ts';
import { AdjRibOut } from './rib/adj-rib-out.ts';
import { AdvertisedPaths } from './rib/advertised-paths.ts';
import { bestPathOf, type Released, RouteTeller } from './route-batch.ts';
import { RouteExport } from './route-export.ts';
import { type SharedExport, treatmentOf } from './shared-export.ts';
import type { Ribs } from './update-in.ts';
import { announcements, endOfRib } from './update-out.ts';

/** Demarcation of a ROUTE-REFRESH, RFC 7313 section 3.2. */
export const refreshMarks = { request: 0, begin: 1, end: 2 } as const;

const defaultPrefixes: Readonly<Record<RouteFamily, Prefix>> = {
  ipv4Unicast: { address: addressFromBytes(new Uint8Array(4)), length: 0 },
  ipv6Unicast: { address: addressFromBytes(new Uint8Array(16)), length: 0 },
};

/** Tells one established peer what changed in the Loc-RIBs. Lives as long as the session. */
export class Advertiser {
  readonly peer: Peer;
  readonly #ribs: Ribs;
  readonly #out = new Map<RouteFamily, AdjRibOut>();
  readonly #messages: MessageSlab;
  /** Families that the peer has asked for while their routes were being told. */
  readonly #asked = new Set<RouteFamily>();
  #blocked = false;
  readonly #export: RouteExport;
  /** Families of which the peer hears several paths to a prefix (RFC 7911), and what it has heard. */
  readonly #paths = new Map<RouteFamily, AdvertisedPaths>();
  readonly #pathTeller: PathTeller;
  readonly #routeTeller: RouteTeller;

  constructor(peer: Peer, ribs: Ribs, peers: PeerSet, aggregates: Aggregates, shared: SharedExport) {
    this.peer = peer;
    this.#ribs = ribs;
    this.#export = new RouteExport(peer, ribs, peers, aggregates, shared.rules);
    this.#pathTeller = new PathTeller(peer, ribs, peers, this.#export);
    for (const family of peer.negotiated?.sendsPaths ?? []) {
      this.#paths.set(family, new AdvertisedPaths(ribs.attributes));
    }
    this.#messages = new MessageSlab((bytes) => {
      if (!peer.write(bytes)) this.#blocked = true;
    });
    this.#routeTeller = new RouteTeller(peer, ribs, peers, this.#export, shared, this.#messages);
    for (const family of peer.negotiated?.families ?? []) {
      const out = new AdjRibOut(ribs.families[family].holders);
      out.endOfRibDue = true;
      this.#out.set(family, out);
      this.#followDefault(family, out);
      this.enqueueAll(family);
    }
  }

  get advertisedCount(): number {
    let count = 0;
    for (const out of this.#out.values()) count += out.size;
    return count;
  }

  /** What it keeps: bitmaps and queues, messages that are being written, and how many paths it has told of by identifier. */
  get memory(): { readonly tables: number; readonly messages: number; readonly paths: number } {
    let [tables, paths] = [0, 0];
    for (const out of this.#out.values()) tables += out.bytes;
    for (const said of this.#paths.values()) paths += said.size;
    return { tables, messages: this.#messages.bytes, paths };
  }

  /** Whether it is to be told of routes whose best path stays. */
  get tellsPaths(): boolean {
    return this.#paths.size > 0;
  }

  /** The session is over. */
  end(): void {
    for (const said of this.#paths.values()) said.clear();
    for (const out of this.#out.values()) out.end();
    this.#export.end();
  }

  /** Whether the peer is told a default route of our own may have changed. */
  followDefaults(): void {
    for (const [family, out] of this.#out) this.#followDefault(family, out);
  }

  #followDefault(family: RouteFamily, out: AdjRibOut): void {
    const wanted = this.peer.config.defaultOriginate === true;
    if (wanted === out.defaultRoute >= 0) return;
    // In the place of ours comes what there is in the table, or nothing.
    if (!wanted) out.enqueue(out.defaultRoute);
    out.defaultRoute = wanted ? this.#ribs.families[family].hold(defaultPrefixes[family]) : -1;
    out.defaultDue = wanted;
  }

  /** Where routes wait whose best path changed, or one of the others. */
  outOf(family: RouteFamily): AdjRibOut | undefined {
    return this.#out.get(family);
  }

  /** Everything is to be told (again): a new session, a ROUTE-REFRESH, another export policy. */
  enqueueAll(family: RouteFamily): void {
    const out = this.#out.get(family);
    if (!out) return;
    this.#paths.get(family)?.unsayAll();
    out.defaultDue = out.defaultRoute >= 0;
    out.treatment = treatmentOf(this.peer, family);
    this.#export.usePolicy(family);
    this.#ribs.families[family].forEach((route) => {
      out.enqueue(route);
    });
  }

  /**
   * The peer asks for everything again. What it asks for while routes still wait is answered once, when those have been
   * told: a hundred requests of 23 octets are no hundred walks through the table.
   */
  refresh(family: RouteFamily): void {
    const out = this.#out.get(family);
    if (out?.pending === 0 && !out.refreshEndDue) this.#beginRefresh(family, out);
    else this.#asked.add(family);
  }

  /** Everything again, between two marks when both sides know them (RFC 7313 section 4). */
  #beginRefresh(family: RouteFamily, out: AdjRibOut): void {
    const context = this.peer.negotiated?.context;
    if (context?.enhancedRouteRefresh) {
      this.#mark(family, refreshMarks.begin, context);
      out.refreshEndDue = true;
    }
    this.enqueueAll(family);
  }

  /** The socket takes bytes again. */
  unblock(): void {
    this.#blocked = false;
  }

  /**
   * Sends a batch of each family; true when more waits and the socket takes it. `released` is told every route that
   * this peer does not hold any more; `settled`: no decision waits, so that what was told can be all.
   */
  flush(released: Released, settled: boolean): boolean {
    const context = this.peer.negotiated?.context;
    if (!context || !this.peer.established) return false;
    let more = false;
    for (const [family, out] of this.#out) {
      if (this.#blocked) return false;
      this.#nextBatch(family, out, context, released);
      if (out.pending === 0 && !out.refreshEndDue && this.#asked.delete(family)) this.#beginRefresh(family, out);
      if (out.pending > 0) more = true;
      else if (out.endOfRibDue && settled) {
        out.endOfRibDue = false;
        this.#messages.push(endOfRib(family, context));
      } else if (out.refreshEndDue && settled) {
        out.refreshEndDue = false;
        this.#mark(family, refreshMarks.end, context);
        if (this.#asked.has(family)) more = true;
      }
      this.#messages.flush();
    }
    return more && !this.#blocked;
  }

  /** The advertised routes of a family with what was said of them. */
  advertised(family: RouteFamily, visit: (route: number, exported: Exported, pathId?: number) => void): void {
    const out = this.#out.get(family);
    const rib = this.#ribs.families[family];
    const several = this.#paths.has(family);
    this.#export.begin();
    if (out && out.defaultRoute >= 0 && out.has(out.defaultRoute)) {
      const own = this.#export.own(family);
      if (own) visit(out.defaultRoute, own);
    }
    rib.forEach((route) => {
      if (!out?.has(route) || route === out.defaultRoute) return;
      for (const path of several ? this.#pathTeller.chosen(family, route) : [bestPathOf(rib, route)]) {
        const exported = this.#export.export(family, path);
        if (exported) visit(route, exported, path.id);
      }
    });
  }

  #mark(family: RouteFamily, subtype: number, context: DecodeContext): void {
    this.#messages.push(encodeMessage({ type: 'routeRefresh', subtype, ...familyNumbers(family) }, context));
  }

  #nextBatch(family: RouteFamily, out: AdjRibOut, context: DecodeContext, released: Released): void {
    const said = this.#paths.get(family);
    if (out.defaultDue) this.#tellDefault(family, out, context);
    if (said) {
      const { messages, gone } = this.#pathTeller.next(family, out, said, context);
      for (const message of messages) this.#messages.push(message);
      for (const route of gone) released(family, route);
      return;
    }
    this.#routeTeller.next(family, out, context, released);
  }

  /** The default route that is ours to this peer alone (path identifier 0, which no path of the Loc-RIB has). */
  #tellDefault(family: RouteFamily, out: AdjRibOut, context: DecodeContext): void {
    out.defaultDue = false;
    const own = this.#export.own(family);
    if (!own) return;
    const nlri = { prefix: defaultPrefixes[family], ...(this.#paths.has(family) && { pathId: 0 }) };
    for (const message of announcements(family, own.attributes, own.nextHop, [nlri], context)) {
      this.#messages.push(message);
    }
    out.add(out.defaultRoute);
  }
}
