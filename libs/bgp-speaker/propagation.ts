import type { RouteFamily } from 'bgp-parser';
import { Advertiser } from './advertiser.ts';
import type { Aggregates } from './aggregates.ts';
import type { NextHop, SpeakerEnvironment } from './environment.ts';
import { isLinkLocal } from './link-local.ts';
import type { Peer } from './peer.ts';
import type { PeerSet } from './peer-set.ts';
import type { AdjRibOut } from './rib/adj-rib-out.ts';
import type { LocRib } from './rib/loc-rib.ts';
import { localPeer } from './rib/path-store.ts';
import { SharedExport } from './shared-export.ts';
import type { Ribs } from './update-in.ts';

/** How long decisions and packing may take before input, timers and keepalives have their turn. */
const sliceMs = 2;

export const families: readonly RouteFamily[] = ['ipv4Unicast', 'ipv6Unicast'];

/**
 * What changed routes lead to, worked off in slices: the decision process takes the changed routes, the sink and the
 * advertisers of the established peers are told.
 */
export class Propagation {
  readonly #environment: SpeakerEnvironment;
  readonly #ribs: Ribs;
  readonly #peers: PeerSet;
  readonly #aggregates: Aggregates;
  /** Whether decisions have to wait. */
  readonly #held: () => boolean;
  readonly #advertisers = new Map<Peer, Advertiser>();
  readonly #shared = new SharedExport();
  /** The Adj-RIBs-Out of all of them, and of those that tell of other paths than the best. */
  readonly #outs: Record<RouteFamily, AdjRibOut[]> = { ipv4Unicast: [], ipv6Unicast: [] };
  readonly #pathOuts: Record<RouteFamily, AdjRibOut[]> = { ipv4Unicast: [], ipv6Unicast: [] };
  #scheduled = false;

  constructor(
    environment: SpeakerEnvironment,
    ribs: Ribs,
    peers: PeerSet,
    aggregates: Aggregates,
    held: () => boolean,
  ) {
    this.#environment = environment;
    this.#ribs = ribs;
    this.#peers = peers;
    this.#aggregates = aggregates;
    this.#held = held;
  }

  /** Whether every change that came in has been decided on. */
  get settled(): boolean {
    return families.every((family) => this.#ribs.families[family].changed.length === 0);
  }

  /** Who tells the peer of changes, while its session is established. */
  advertiserOf(peer: Peer): Advertiser | undefined {
    return this.#advertisers.get(peer);
  }

  /** How many export policies have rules that their peers share, and what those occupy. */
  get sharedRules(): { readonly count: number; readonly bytes: number } {
    return this.#shared.rules.size;
  }

  begin(peer: Peer): void {
    const advertiser = new Advertiser(peer, this.#ribs, this.#peers, this.#aggregates, this.#shared);
    this.#advertisers.set(peer, advertiser);
    this.#listOuts();
    this.schedule();
  }

  /** The peer's session is over. */
  end(peer: Peer): void {
    const advertiser = this.#advertisers.get(peer);
    if (!advertiser) return;
    this.#advertisers.delete(peer);
    this.#listOuts();
    advertiser.end();
    // What only this peer still held can go.
    for (const family of families) {
      const { end } = this.#ribs.families[family].prefixes;
      for (let route = 0; route < end; route++) this.#release(family, route);
    }
    this.schedule();
  }

  #listOuts(): void {
    const advertisers = [...this.#advertisers.values()];
    const tellers = advertisers.filter(({ tellsPaths }) => tellsPaths);
    const outsOf = (list: Advertiser[], family: RouteFamily) =>
      list.map((advertiser) => advertiser.outOf(family)).filter((out) => out !== undefined);
    for (const family of families) {
      this.#outs[family] = outsOf(advertisers, family);
      this.#pathOuts[family] = outsOf(tellers, family);
    }
  }

  /** Everything is to be told again, as far as it is to be told. */
  tellAgain(): void {
    for (const advertiser of this.#advertisers.values()) for (const family of families) advertiser.enqueueAll(family);
    this.schedule();
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#environment.clock.soon(() => {
      this.#scheduled = false;
      if (this.#work()) this.schedule();
    });
  }

  /** One slice of decisions and messages; true when more waits. */
  #work(): boolean {
    const end = this.#environment.clock.monotonic() + sliceMs;
    let more = false;
    // Routes came in or go out: the counters change.
    this.#environment.onChange();
    if (this.#held()) return false;
    for (const family of families) {
      const rib = this.#ribs.families[family];
      for (let count = 1; rib.changed.length > 0; count++) {
        this.#decide(family, rib);
        // The clock costs as much as a few decisions.
        if ((count & 63) === 0 && this.#environment.clock.monotonic() > end) break;
      }
      if (rib.changed.length > 0) more = true;
    }
    const settled = !more;
    const released = (family: RouteFamily, route: number) => this.#release(family, route);
    for (const advertiser of this.#advertisers.values()) if (advertiser.flush(released, settled)) more = true;
    this.#shared.forgetTold();
    return more;
  }

  #decide(family: RouteFamily, rib: LocRib): void {
    const decided = rib.decideNext(this.#peers.facts);
    if (!decided) return;
    const { route, bestChanged, equal } = decided;
    if (bestChanged) {
      this.#aggregates.update(family, route);
      this.#shared.rules.forget(family, route);
    }
    for (const out of (bestChanged ? this.#outs : this.#pathOuts)[family]) out.enqueue(route);
    const sink = this.#environment.routes;
    if (sink) {
      const discard = equal.length > 0 && this.#aggregates.isAggregate(rib, rib.bestPath(route));
      sink.setRoute(rib.prefixes.at(route), this.#nextHopsOf(rib, equal), discard);
    }
    if (equal.length === 0) this.#release(family, route);
  }

  #nextHopsOf({ paths }: LocRib, equal: readonly number[]): NextHop[] {
    const nextHops: NextHop[] = [];
    for (const path of equal) {
      const peer = paths.peer[path];
      const address = peer === localPeer ? undefined : this.#ribs.attributes.nextHop(paths.attributes[path]);
      if (!address) continue;
      nextHops.push(isLinkLocal(address) ? { address, interface: this.#peers.interfaceOf(peer) } : { address });
    }
    return nextHops;
  }

  #release(family: RouteFamily, route: number): void {
    const rib = this.#ribs.families[family];
    rib.removeRoute(route);
  }
}
