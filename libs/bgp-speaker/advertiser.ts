import { type DecodeContext, messageLimit, type Nlri, type RouteFamily } from 'bgp-parser';
import { hasRoom, MessageSlab } from './message-slab.ts';
import type { Peer } from './peer.ts';
import { type Exported, exportAttributes, mayExport, type Source } from './policy/export.ts';
import { exportPlain, plainExportLength } from './policy/export-plain.ts';
import { AdjRibOut } from './rib/adj-rib-out.ts';
import type { LocRib } from './rib/loc-rib.ts';
import { RouteGroups } from './rib/route-groups.ts';
import type { Ribs } from './update-in.ts';
import { announcements, endOfRib, withdrawals } from './update-out.ts';

/** How many routes are taken at once: more of them share an UPDATE, fewer let keepalives through sooner. */
const batchSize = 4096;

const sources: readonly Source[] = ['local', 'external', 'internal'];

type Released = (family: RouteFamily, route: number) => void;

// One batch is worked off at a time, of whichever peer: they share what it needs.
const groups = new RouteGroups(batchSize);
const plainAttributes = new Uint8Array(plainExportLength);

/** Tells one established peer what changed in the Loc-RIBs. Lives as long as the session. */
export class Advertiser {
  readonly peer: Peer;
  readonly #ribs: Ribs;
  readonly #sourceOf: (peer: number) => Source;
  readonly #out = new Map<RouteFamily, AdjRibOut>();
  readonly #messages: MessageSlab;
  #blocked = false;

  constructor(peer: Peer, ribs: Ribs, sourceOf: (peer: number) => Source) {
    this.peer = peer;
    this.#ribs = ribs;
    this.#sourceOf = sourceOf;
    this.#messages = new MessageSlab((bytes) => {
      if (!peer.write(bytes)) this.#blocked = true;
    });
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
   * this peer does not hold any more; `settled`: no decision waits, so that what was told can be all.
   */
  flush(released: Released, settled: boolean): boolean {
    const context = this.peer.negotiated?.context;
    if (!context || !this.peer.established) return false;
    let more = false;
    for (const [family, out] of this.#out) {
      if (this.#blocked) return false;
      this.#nextBatch(family, out, context, released);
      if (out.pending.length > 0) more = true;
      else if (out.endOfRibDue && settled) {
        out.endOfRibDue = false;
        this.#messages.push(endOfRib(family, context));
      }
      this.#messages.flush();
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

  #nextBatch(family: RouteFamily, out: AdjRibOut, context: DecodeContext, released: Released): void {
    const rib = this.#ribs.families[family];
    const withdrawn = this.#collect(family, rib, out, context, released);
    for (const message of withdrawals(family, withdrawn, context)) this.#messages.push(message);
    for (let group = 0; group < groups.count; group++) {
      const source = sources[groups.key(group) % sources.length];
      const attributes = Math.floor(groups.key(group) / sources.length);
      if (family !== 'ipv4Unicast' || !this.#announcePlain(rib, out, context, group, attributes, source)) {
        this.#announceDecoded(family, rib, out, context, group, released);
      }
    }
  }

  /**
   * Takes a batch of pending routes: those to announce are put into groups of equal attributes and source, the others
   * are withdrawn. Returns the withdrawn ones of a family that is not written directly.
   */
  #collect(family: RouteFamily, rib: LocRib, out: AdjRibOut, context: DecodeContext, released: Released): Nlri[] {
    const direct = family === 'ipv4Unicast';
    const withdrawn: Nlri[] = [];
    groups.clear();
    this.#messages.beginWithdrawing(messageLimit(context));
    for (let taken = 0; taken < batchSize; taken++) {
      const route = out.pending.shift();
      if (route < 0) break;
      if (rib.bestPath(route) >= 0) {
        const source = this.#sourceOf(rib.bestPeer(route));
        if (mayExport(this.peer, family, source, rib.bestPeer(route))) {
          groups.add(rib.bestAttributes(route) * sources.length + sources.indexOf(source), route);
          continue;
        }
      }
      if (out.advertised.delete(route)) {
        if (direct) this.#messages.add(rib.prefixes, route);
        else withdrawn.push({ prefix: rib.prefixes.at(route) });
      }
      released(family, route);
    }
    this.#messages.end();
    return withdrawn;
  }

  /** Announces a group whose attributes need no decoding; false when they do. */
  #announcePlain(
    rib: LocRib,
    out: AdjRibOut,
    context: DecodeContext,
    group: number,
    attributes: number,
    source: Source,
  ): boolean {
    const limit = messageLimit(context);
    const length = exportPlain(this.peer, source, this.#ribs.attributes, attributes, plainAttributes);
    if (length < 0 || !hasRoom(length, limit)) return false;
    this.#messages.beginAnnouncing(plainAttributes, length, limit);
    for (let member = groups.first(group); member >= 0; member = groups.next(member)) {
      const route = groups.route(member);
      this.#messages.add(rib.prefixes, route);
      out.advertised.add(route);
    }
    this.#messages.end();
    return true;
  }

  #announceDecoded(
    family: RouteFamily,
    rib: LocRib,
    out: AdjRibOut,
    context: DecodeContext,
    group: number,
    released: Released,
  ): void {
    const routes: number[] = [];
    for (let member = groups.first(group); member >= 0; member = groups.next(member)) routes.push(groups.route(member));
    const exported = this.#export(family, rib, routes[0]);
    const list = routes.map((route) => ({ prefix: rib.prefixes.at(route) }));
    const messages = exported ? announcements(family, exported.attributes, exported.nextHop, list, context) : [];
    for (const message of messages) this.#messages.push(message);
    if (messages.length > 0) {
      for (const route of routes) out.advertised.add(route);
      return;
    }
    // It must not be told, or its attributes do not fit into a message: the peer must not keep what it had.
    const withdrawn: Nlri[] = [];
    for (const [i, route] of routes.entries()) {
      if (out.advertised.delete(route)) withdrawn.push(list[i]);
      released(family, route);
    }
    for (const message of withdrawals(family, withdrawn, context)) this.#messages.push(message);
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
