import type { DecodeContext, Nlri, RouteFamily } from 'bgp-parser';
import type { Peer } from './peer.ts';
import { type Exported, exportAttributes, mayExport, type Source } from './policy/export.ts';
import { AdjRibOut } from './rib/adj-rib-out.ts';
import type { LocRib } from './rib/loc-rib.ts';
import type { Ribs } from './update-in.ts';
import { announcements, endOfRib, withdrawals } from './update-out.ts';

/** How many routes are taken at once: more of them share an UPDATE, fewer let keepalives through sooner. */
const batchSize = 4096;

/** Tells one established peer what changed in the Loc-RIBs. Lives as long as the session. */
export class Advertiser {
  readonly peer: Peer;
  readonly #ribs: Ribs;
  readonly #sourceOf: (peer: number) => Source;
  readonly #out = new Map<RouteFamily, AdjRibOut>();
  #blocked = false;

  constructor(peer: Peer, ribs: Ribs, sourceOf: (peer: number) => Source) {
    this.peer = peer;
    this.#ribs = ribs;
    this.#sourceOf = sourceOf;
    for (const family of peer.negotiated?.families ?? []) {
      const out = new AdjRibOut();
      out.endOfRibDue = true;
      this.#out.set(family, out);
      this.enqueueAll(family);
    }
  }

  get advertisedCount(): number {
    let count = 0;
    for (const out of this.#out.values()) count += out.advertised.size;
    return count;
  }

  /** A route's best path changed. */
  enqueue(family: RouteFamily, route: number): void {
    this.#out.get(family)?.pending.push(route);
  }

  /** Everything is to be told (again): a new session, a ROUTE-REFRESH, another export policy. */
  enqueueAll(family: RouteFamily): void {
    const out = this.#out.get(family);
    if (!out) return;
    this.#ribs.families[family].forEach((route) => {
      out.pending.push(route);
    });
  }

  holds(family: RouteFamily, route: number): boolean {
    return this.#out.get(family)?.holds(route) ?? false;
  }

  /** The socket takes bytes again. */
  unblock(): void {
    this.#blocked = false;
  }

  /**
   * Sends a batch of each family; true when more waits and the socket takes it. `released` is told every route that
   * this peer does not hold any more.
   */
  flush(released: (family: RouteFamily, route: number) => void): boolean {
    const context = this.peer.negotiated?.context;
    if (!context || !this.peer.established) return false;
    let more = false;
    for (const [family, out] of this.#out) {
      if (this.#blocked) return false;
      for (const message of this.#nextBatch(family, out, context, released)) {
        if (!this.peer.write(message)) this.#blocked = true;
      }
      if (out.pending.length > 0) more = true;
      else if (out.endOfRibDue) {
        out.endOfRibDue = false;
        if (!this.peer.write(endOfRib(family, context))) this.#blocked = true;
      }
    }
    return more && !this.#blocked;
  }

  /** The advertised routes of a family with what was said of them. */
  advertised(family: RouteFamily, visit: (route: number, exported: Exported) => void): void {
    const out = this.#out.get(family);
    const rib = this.#ribs.families[family];
    rib.forEach((route) => {
      const exported = out?.advertised.has(route) ? this.#export(family, rib, route) : undefined;
      if (exported) visit(route, exported);
    });
  }

  #nextBatch(
    family: RouteFamily,
    out: AdjRibOut,
    context: DecodeContext,
    released: (family: RouteFamily, route: number) => void,
  ): Uint8Array[] {
    const rib = this.#ribs.families[family];
    const withdrawn: Nlri[] = [];
    const groups = new Map<string, { exported: Exported; routes: number[] } | undefined>();
    const withdraw = (route: number) => {
      if (out.advertised.delete(route)) withdrawn.push({ prefix: rib.prefixes.at(route) });
      released(family, route);
    };
    for (let taken = 0; taken < batchSize; taken++) {
      const route = out.pending.shift();
      if (route < 0) break;
      if (rib.bestPath(route) < 0 || !this.#mayExport(family, rib, route)) {
        withdraw(route);
        continue;
      }
      const key = `${rib.bestAttributes(route)} ${this.#sourceOf(rib.bestPeer(route))}`;
      let group = groups.get(key);
      if (!group && !groups.has(key)) {
        const exported = this.#export(family, rib, route);
        group = exported && { exported, routes: [] };
        groups.set(key, group);
      }
      if (group) group.routes.push(route);
      else withdraw(route);
    }
    const announced: Uint8Array[] = [];
    for (const group of groups.values()) {
      if (!group) continue;
      const list = group.routes.map((route) => ({ prefix: rib.prefixes.at(route) }));
      const { attributes, nextHop } = group.exported;
      const messages = announcements(family, attributes, nextHop, list, context);
      announced.push(...messages);
      // Without a message the attributes do not fit into one: the peer must not keep what it had.
      for (const route of group.routes) {
        if (messages.length > 0) out.advertised.add(route);
        else withdraw(route);
      }
    }
    return [...withdrawals(family, withdrawn, context), ...announced];
  }

  #mayExport(family: RouteFamily, rib: LocRib, route: number): boolean {
    const sourcePeer = rib.bestPeer(route);
    return mayExport(this.peer, family, this.#sourceOf(sourcePeer), sourcePeer);
  }

  #export(family: RouteFamily, rib: LocRib, route: number): Exported | undefined {
    if (!this.#mayExport(family, rib, route)) return undefined;
    const number = rib.bestAttributes(route);
    const source = this.#sourceOf(rib.bestPeer(route));
    const { attributes } = this.#ribs;
    return exportAttributes(this.peer, family, source, attributes.at(number), attributes.nextHop(number));
  }
}
