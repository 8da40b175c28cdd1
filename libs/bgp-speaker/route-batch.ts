import { type DecodeContext, encodeAttributes, messageLimit, type Nlri, type RouteFamily } from 'bgp-parser';
import { hasRoom, type MessageSlab } from './message-slab.ts';
import type { Peer } from './peer.ts';
import type { PeerSet } from './peer-set.ts';
import { exportsPlainly, isReflected, type Source } from './policy/export.ts';
import { exportPlain, plainExportLength } from './policy/export-plain.ts';
import type { AdjRibOut } from './rib/adj-rib-out.ts';
import type { LocRib } from './rib/loc-rib.ts';
import { RouteGroups } from './rib/route-groups.ts';
import type { ExportedPath, RouteExport } from './route-export.ts';
import type { SharedBatch } from './shared-batch.ts';
import { batchSize, type SharedExport, type Telling } from './shared-export.ts';
import type { Ribs } from './update-in.ts';
import { announcements, withdrawals } from './update-out.ts';

const sources: readonly Source[] = ['local', 'external', 'internal', 'client'];

/**
 * Routes that share an UPDATE: the key of their group is (variant, attributes, source). Variant 0 is the plain way; others
 * count the rules of the export filter and, of reflected routes, the peers that they come from.
 */
const variantStep = 2 ** 29;
const ruleVariants = 2 ** 10;

// One batch is worked off at a time, of whichever peer: they share what it needs.
const groups = new RouteGroups(batchSize);
const plainAttributes = new Uint8Array(plainExportLength);

export type Released = (family: RouteFamily, route: number) => void;

/** Tells one peer of the best paths, a batch at a time: routes with the same attributes share their UPDATEs. */
export class RouteTeller {
  readonly #peer: Peer;
  readonly #ribs: Ribs;
  readonly #peers: PeerSet;
  readonly #export: RouteExport;
  readonly #shared: SharedExport;
  readonly #messages: MessageSlab;

  constructor(
    peer: Peer,
    ribs: Ribs,
    peers: PeerSet,
    routeExport: RouteExport,
    shared: SharedExport,
    messages: MessageSlab,
  ) {
    this.#peer = peer;
    this.#ribs = ribs;
    this.#peers = peers;
    this.#export = routeExport;
    this.#shared = shared;
    this.#messages = messages;
  }

  /** Writes what a batch of pending routes says; `released` is told every route that the peer does not hold any more. */
  next(family: RouteFamily, out: AdjRibOut, context: DecodeContext, released: Released): void {
    const batches = this.#shared.batchesOf(out.treatment);
    const told = batches.find(out, this.#peer.number);
    if (told) {
      this.#messages.pass(told.tell(out, (route) => released(family, route)));
      return;
    }
    const batch = batches.begin();
    this.#messages.record();
    this.#tell(family, out, context, released, batch);
    const messages = this.#messages.recorded();
    batch?.complete(messages);
  }

  /** Tells a batch, and notes it down. */
  #tell(
    family: RouteFamily,
    out: AdjRibOut,
    context: DecodeContext,
    released: Released,
    batch: SharedBatch | undefined,
  ): void {
    const rib = this.#ribs.families[family];
    const withdrawn = this.#collect(family, rib, out, context, released, batch);
    for (const message of withdrawals(family, withdrawn, context)) this.#messages.push(message);
    for (let group = 0; group < groups.count; group++) {
      const key = groups.key(group) % variantStep;
      const source = sources[key % sources.length];
      const attributes = Math.floor(key / sources.length);
      const plain = groups.key(group) < variantStep && exportsPlainly(this.#peer);
      if (!plain || family !== 'ipv4Unicast' || !this.#announcePlain(rib, out, context, group, attributes, source)) {
        if (!this.#announceDecoded(family, rib, out, context, group, released)) batch?.spoil();
      }
    }
  }

  /**
   * Takes a batch of pending routes: those to announce are put into groups of equal attributes and source, the others
   * are withdrawn. Returns the withdrawn ones of a family that is not written directly.
   */
  #collect(
    family: RouteFamily,
    rib: LocRib,
    out: AdjRibOut,
    context: DecodeContext,
    released: Released,
    batch: SharedBatch | undefined,
  ): Nlri[] {
    const direct = family === 'ipv4Unicast';
    const withdrawn: Nlri[] = [];
    groups.clear();
    this.#export.begin();
    this.#messages.beginWithdrawing(messageLimit(context));
    for (let taken = 0; taken < batchSize; taken++) {
      const route = out.next();
      if (route < 0) break;
      if (route === out.defaultRoute) {
        batch?.spoil();
        continue;
      }
      if (rib.bestPath(route) >= 0) {
        const source = this.#peers.sourceOf(rib.bestPeer(route));
        const rule = this.#export.ruleFor(family, route, rib.bestPeer(route), rib.bestAttributes(route));
        if (rule >= 0) {
          const key = rib.bestAttributes(route) * sources.length + sources.indexOf(source);
          const from = isReflected(this.#peer, source) ? rib.bestPeer(route) : 0;
          groups.add((from * ruleVariants + rule) * variantStep + key, route);
          batch?.announced(route, rib.bestPeer(route));
          continue;
        }
        // Others may get what this one must not, as it comes from here.
        if (rib.bestPeer(route) === this.#peer.number) batch?.spoil();
      }
      if (out.delete(route)) {
        batch?.withdrawn(route);
        if (direct) this.#messages.add(rib.prefixes, route);
        else withdrawn.push({ prefix: rib.prefixes.at(route) });
      } else batch?.nothing(route);
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
    const length = exportPlain(this.#peer, source, this.#ribs.attributes, attributes, plainAttributes);
    if (length < 0 || !hasRoom(length, messageLimit(context))) return false;
    this.#announceEncoded(rib, out, context, group, plainAttributes, length);
    return true;
  }

  /** Announces a group of IPv4 routes with the attributes in `bytes[0, length)`. */
  #announceEncoded(
    rib: LocRib,
    out: AdjRibOut,
    context: DecodeContext,
    group: number,
    bytes: Uint8Array,
    length: number,
  ): void {
    this.#messages.beginAnnouncing(bytes, length, messageLimit(context));
    for (let member = groups.first(group); member >= 0; member = groups.next(member)) {
      const route = groups.route(member);
      this.#messages.add(rib.prefixes, route);
      out.add(route);
    }
    this.#messages.end();
  }

  /** What is said of a group, which peers that are treated alike share. */
  #telling(family: RouteFamily, rib: LocRib, out: AdjRibOut, context: DecodeContext, group: number): Telling {
    const tellings = this.#shared.tellingsOf(out.treatment);
    const known = tellings.get(groups.key(group));
    if (known) return known;
    const exported = this.#export.export(family, bestPathOf(rib, groups.route(groups.first(group))));
    const classic = exported && family === 'ipv4Unicast' && exported.nextHop.family === 4;
    const telling = {
      exported,
      ...(classic && {
        encoded: encodeAttributes({ ...exported.attributes, nextHop: exported.nextHop }, context),
      }),
    };
    tellings.set(groups.key(group), telling);
    return telling;
  }

  /** Announces a group whose attributes are decoded; false when it must not be told, or fits into no message. */
  #announceDecoded(
    family: RouteFamily,
    rib: LocRib,
    out: AdjRibOut,
    context: DecodeContext,
    group: number,
    released: Released,
  ): boolean {
    const telling = this.#telling(family, rib, out, context, group);
    if (telling.encoded && hasRoom(telling.encoded.length, messageLimit(context))) {
      this.#announceEncoded(rib, out, context, group, telling.encoded, telling.encoded.length);
      return true;
    }
    const { exported } = telling;
    const routes: number[] = [];
    for (let member = groups.first(group); member >= 0; member = groups.next(member)) routes.push(groups.route(member));
    const list = routes.map((route) => ({ prefix: rib.prefixes.at(route) }));
    const messages = exported ? announcements(family, exported.attributes, exported.nextHop, list, context) : [];
    for (const message of messages) this.#messages.push(message);
    if (messages.length > 0) {
      for (const route of routes) out.add(route);
      return true;
    }
    // The peer must not keep what it had.
    const withdrawn: Nlri[] = [];
    for (const [i, route] of routes.entries()) {
      if (out.delete(route)) withdrawn.push(list[i]);
      released(family, route);
    }
    for (const message of withdrawals(family, withdrawn, context)) this.#messages.push(message);
    return false;
  }
}

/** The best path of a route. */
export function bestPathOf(rib: LocRib, route: number): ExportedPath & { readonly id?: number } {
  return { route, from: rib.bestPeer(route), attributes: rib.bestAttributes(route) };
}
