import { origins, type PathAttributes, type RouteFamily } from 'bgp-parser';
import type { Aggregates } from './aggregates.ts';
import type { Policy } from './config.ts';
import type { Peer } from './peer.ts';
import type { PeerSet } from './peer-set.ts';
import { type Exported, exportAttributes, mayExport } from './policy/export.ts';
import { type Filter, judgeOf } from './policy/filter.ts';
import type { RouteRules, SharedRules } from './policy/shared-rules.ts';
import type { Ribs } from './update-in.ts';

/** A path that may be told: the peer that it comes from, and the number of its attributes. */
export interface ExportedPath {
  readonly route: number;
  readonly from: number;
  readonly attributes: number;
}

/** What one peer is told of paths: its export policy, and what BGP itself says. */
export class RouteExport {
  readonly #peer: Peer;
  readonly #ribs: Ribs;
  readonly #peers: PeerSet;
  readonly #aggregates: Aggregates;
  readonly #shared: SharedRules;
  /** What the peer's policy, in its present form, says of best paths. */
  readonly #rules = new Map<RouteFamily, { readonly policy: Policy; readonly rules: RouteRules | undefined }>();
  /** What was decoded last for a filter; only while a batch is collected, as numbers are given out again. */
  #decoded: { readonly number: number; readonly attributes: PathAttributes } | undefined;

  constructor(peer: Peer, ribs: Ribs, peers: PeerSet, aggregates: Aggregates, rules: SharedRules) {
    this.#peer = peer;
    this.#ribs = ribs;
    this.#peers = peers;
    this.#aggregates = aggregates;
    this.#shared = rules;
  }

  /** The peer's policy of a family may be another one. */
  usePolicy(family: RouteFamily): void {
    const policy = this.#peer.config.exportAction;
    const before = this.#rules.get(family);
    this.#rules.set(family, { policy, rules: this.#shared.take(policy, family) });
    if (before?.rules) this.#shared.giveBack(before.policy, family);
  }

  /** The session is over. */
  end(): void {
    for (const [family, { policy, rules }] of this.#rules) if (rules) this.#shared.giveBack(policy, family);
    this.#rules.clear();
  }

  /** A batch begins. */
  begin(): void {
    this.#decoded = undefined;
  }

  /**
   * What the export policy says about a path: −1 that it is not told, 0 that it is told as it is, and above that the rule
   * of the filter that lets it through, counted from 2 (1: none matched).
   */
  ruleFor(family: RouteFamily, route: number, from: number, attributes: number): number {
    const source = this.#peers.sourceOf(from);
    if (!mayExport(this.#peer, source, from)) return -1;
    if (this.#peer.external && this.#aggregates.hides(family, route)) return -1;
    const policy = judgeOf(this.#peer.config.exportAction, family);
    if (typeof policy === 'string') return policy === 'Accept' ? 0 : -1;
    const rib = this.#ribs.families[family];
    // Of a route's best path the answer is the same for all peers with this policy.
    const best = rib.bestPath(route) >= 0 && rib.bestPeer(route) === from && rib.bestAttributes(route) === attributes;
    const rules = best ? this.#rules.get(family)?.rules : undefined;
    const known = rules?.get(route);
    if (known !== undefined) return known;
    const { action, rule } = policy.judge({
      prefix: rib.prefixes.at(route),
      attributes: this.#attributesAt(attributes),
      nextHop: this.#ribs.attributes.nextHop(attributes),
      learned: source !== 'local',
    });
    const found = action === 'Accept' ? rule + 2 : -1;
    rules?.set(route, found);
    return found;
  }

  /** The path as the peer gets it; undefined when it must not get it. */
  export(family: RouteFamily, { route, from, attributes: number }: ExportedPath): Exported | undefined {
    const rule = this.ruleFor(family, route, from, number);
    if (rule < 0) return undefined;
    const source = this.#peers.sourceOf(from);
    const { attributes } = this.#ribs;
    const nextHop = attributes.nextHop(number);
    const originator = this.#peers.facts.identifier(from);
    if (rule < 2) return exportAttributes(this.#peer, family, source, attributes.at(number), nextHop, { originator });
    // A rule's number is that of a filter.
    const filter = judgeOf(this.#peer.config.exportAction, family) as Filter;
    const changed = filter.change(rule - 2, attributes.at(number));
    const keepMed = source === 'local' || filter.setsMed(rule - 2);
    return exportAttributes(this.#peer, family, source, changed, nextHop, { keepMed, originator });
  }

  /** A route of our own without anything special, whatever the policy; undefined when we have no next hop for it. */
  own(family: RouteFamily): Exported | undefined {
    return exportAttributes(this.#peer, family, 'local', { origin: origins.igp, asPath: [] }, undefined);
  }

  /** The attributes of a number, decoded once for the routes of a batch that share them. */
  #attributesAt(number: number): PathAttributes {
    if (this.#decoded?.number !== number) this.#decoded = { number, attributes: this.#ribs.attributes.at(number) };
    return this.#decoded.attributes;
  }
}
