import type { Prefix } from '@caracal/net';
import {
  type AttributeFault,
  ceaseErrors,
  encodeShutdownCommunication,
  type RouteRefresh,
  routeFamilyOf,
  type Update,
} from 'bgp-parser';
import { refreshMarks } from './advertiser.ts';
import { Aggregates } from './aggregates.ts';
import { type AttributeView, attributeViews } from './attribute-views.ts';
import type { PeerConfig, SpeakerConfig } from './config.ts';
import type { Connection, SpeakerEnvironment } from './environment.ts';
import { FaultLog } from './fault-log.ts';
import { isFrom } from './link-local.ts';
import { type MemoryRow, memoryRows } from './memory.ts';
import { type LocalIdentity, localOf } from './negotiation.ts';
import { Originated } from './originated.ts';
import { Peer } from './peer.ts';
import type { PeerListener } from './peer-listener.ts';
import { defaultSessionLimit, PeerRanges, peerOfRange } from './peer-ranges.ts';
import { PeerSet } from './peer-set.ts';
import { PlainUpdates } from './plain-updates.ts';
import { type PlanRow, planRows } from './plan/plan.ts';
import { changesRoutes, judgeAgain, policiesDiffer } from './policy/reconfigure.ts';
import { PrefixLimits } from './prefix-limit.ts';
import { families, Propagation } from './propagation.ts';
import { RefreshTimers } from './refresh-timers.ts';
import { RestartDeferral } from './restart-deferral.ts';
import { AttributeStore } from './rib/attribute-store.ts';
import { LocRib } from './rib/loc-rib.ts';
import { ownersOf, sessionChanges } from './session-changes.ts';
import { applyUpdate, type Ribs } from './update-in.ts';
import { advertisedViews, type PeerRangeStatus, type PeerStatus, pathViews, type RouteView } from './views.ts';

/** The speaker: its peers, what they say to it, and what people and its configuration ask of it. */
export class Speaker {
  readonly #environment: SpeakerEnvironment;
  readonly #ribs: Ribs;
  readonly #peers = new PeerSet();
  readonly #ranges = new PeerRanges();
  /** By the peer's number, while its session is established. */
  readonly #plainUpdates: (PlainUpdates | undefined)[] = [];
  readonly #faultLog: FaultLog;
  readonly #limits: PrefixLimits;
  readonly #refreshes: RefreshTimers;
  readonly #originated: Originated;
  readonly #aggregates: Aggregates;
  readonly #deferral: RestartDeferral;
  readonly #propagation: Propagation;
  #config: SpeakerConfig | undefined;
  #established: readonly string[] | undefined;

  constructor(environment: SpeakerEnvironment) {
    this.#environment = environment;
    this.#faultLog = new FaultLog(environment);
    const attributes = new AttributeStore();
    this.#ribs = {
      attributes,
      families: {
        ipv4Unicast: new LocRib('ipv4Unicast', attributes),
        ipv6Unicast: new LocRib('ipv6Unicast', attributes),
      },
    };
    this.#originated = new Originated(this.#ribs);
    this.#aggregates = new Aggregates(this.#ribs);
    this.#refreshes = new RefreshTimers(environment.clock, (peer, family) => {
      environment.log('a refresh did not end: its stale routes go', { peer: peer.config.name, family });
      this.#ribs.families[family].removeStale(peer.number);
      this.#propagation.schedule();
    });
    this.#limits = new PrefixLimits(this.#ribs, environment.log);
    this.#propagation = new Propagation(environment, this.#ribs, this.#peers, this.#aggregates, () => this.restarting);
    this.#deferral = new RestartDeferral(environment, () => this.#propagation.schedule());
  }

  get config(): SpeakerConfig | undefined {
    return this.#config;
  }

  /** Applies the difference to the running configuration; sessions whose own settings stay are not touched. */
  configure(config: SpeakerConfig): void {
    const before = this.#config;
    this.#config = config;
    const local = localOf(config);
    const wanted = new Map(config.peers.map((peer) => [peer.name, peer]));
    const changes = sessionChanges(before, config);
    const ownerOf = ownersOf(config);
    this.#ranges.set(config.peers);
    for (const peer of [...this.#peers]) {
      const { name, range, peerAddress } = peer.config;
      const change = changes.get(range ?? name)?.change;
      const next = range === undefined ? wanted.get(name) : this.#nextOfRange(wanted, range, peerAddress);
      if (!next || change === 'ends') this.#removePeer(peer, ceaseErrors.peerDeconfigured);
      else if (change === 'shutsDown') {
        const message = next.shutdown?.message;
        const data = message === undefined ? undefined : encodeShutdownCommunication(message);
        this.#removePeer(peer, ceaseErrors.administrativeShutdown, data);
      } else if (change === 'stays') this.#changePolicy(peer, next);
      else this.#removePeer(peer, ceaseErrors.otherConfigurationChange);
    }
    this.#deferral.begin(config);
    this.#originated.set(config.originate);
    if (this.#aggregates.set(config)) this.#propagation.tellAgain();
    for (const peer of config.peers) {
      if (peer.peerPrefix === undefined && !this.#peers.byName.has(peer.name))
        this.#addPeer(peer, ownerOf(peer), local, config.listenPort);
    }
    this.#propagation.schedule();
    this.#environment.onChange();
  }

  /** Hands an incoming connection to the peer whose address it comes from. */
  accept(connection: Connection): void {
    const known = [...this.#peers].filter((peer) => isFrom(peer.config, connection.remoteAddress));
    const peer =
      known.length > 0 ? known.find(({ disabled }) => !disabled) : this.#addOfRange(connection.remoteAddress);
    if (peer) {
      peer.accept(connection);
      return;
    }
    this.#environment.log('refused a connection of no configured peer', { address: connection.remoteAddress });
    connection.close();
  }

  /** The peer that an address within a range becomes; undefined when it is in none, or there are too many already. */
  #addOfRange(address: string): Peer | undefined {
    const range = this.#ranges.find(address);
    const config = this.#config;
    if (!range || range.shutdown || !config) return undefined;
    const limit = range.sessionLimit ?? defaultSessionLimit;
    if (this.#peers.ofRange(range.name).length >= limit) {
      this.#environment.log('a peer by prefix has as many sessions as it may have', { peer: range.name, limit });
      return undefined;
    }
    return this.#createPeer(peerOfRange(range, address), localOf(config), config.listenPort);
  }

  /** What becomes of the peer of a range; undefined when its address is in that range no longer, or is that of a peer itself. */
  #nextOfRange(wanted: ReadonlyMap<string, PeerConfig>, range: string, address = ''): PeerConfig | undefined {
    const next = wanted.get(range);
    const own = [...wanted.values()].some((peer) => peer.peerAddress !== undefined && isFrom(peer, address));
    return next && !own ? peerOfRange(next, address) : undefined;
  }

  /** The peers by prefix, each with the sessions that there are of it. */
  ranges(): PeerRangeStatus[] {
    return [...this.#ranges].map((range) => ({
      name: range.name,
      prefix: range.peerPrefix ?? '',
      asNumber: typeof range.peerAs === 'number' ? range.peerAs : 0,
      sessions: this.#peers.ofRange(range.name).length,
      sessionLimit: range.sessionLimit ?? defaultSessionLimit,
      ...(range.shutdown && { shutdown: describeShutdown(range.shutdown) }),
    }));
  }

  /** Leaves: a Cease to every peer. The routes stay with the sink. */
  stop(subcode: number = ceaseErrors.administrativeShutdown, data?: Uint8Array): void {
    for (const peer of this.#peers) peer.stop(subcode, data);
  }

  /** Ends all sessions so that peers keep our routes, because this process is to start again. */
  abandon(): void {
    for (const peer of this.#peers) peer.abandon();
  }

  status(): PeerStatus[] {
    return [...this.#peers].map((peer) => ({
      name: peer.config.name,
      ...(peer.config.range !== undefined && { range: peer.config.range }),
      address: peer.place,
      asNumber: peer.asNumber,
      state: peer.state,
      restarting: peer.helper.helping,
      bfd: peer.bfd.state,
      sinceMs: peer.since,
      received: families.reduce((sum, family) => sum + this.#ribs.families[family].counts(peer.number).accepted, 0),
      advertised: this.#propagation.advertiserOf(peer)?.advertisedCount ?? 0,
      lastError: peer.lastError,
    }));
  }

  /** The names of the peers whose sessions are established: the same list until they are others. */
  get established(): readonly string[] {
    this.#established ??= [...this.#peers].filter((peer) => peer.established).map((peer) => peer.config.name);
    return this.#established;
  }

  /** Whether it has restarted, and waits for what the peers of before have to say. */
  get restarting(): boolean {
    return this.#deferral.waits(this.#peers.byName, (name) => this.#ranges.expects(name));
  }

  /** Whether every change that came in has been decided on. */
  get settled(): boolean {
    return this.#propagation.settled;
  }

  /** The names of the peers that have not sent all their routes yet: not established, or without an End-of-RIB. */
  awaited(): string[] {
    const complete = (peer: Peer) =>
      peer.established !== undefined && (peer.negotiated?.families ?? []).every((family) => peer.endOfRib.has(family));
    return [...this.#peers].filter((peer) => !complete(peer)).map((peer) => peer.config.name);
  }

  /** Every path, or those of one peer's Adj-RIB-In (undefined when there is no such peer); `why` it was chosen or not. */
  routes(peerName?: string, why = false): RouteView[] | undefined {
    const only = peerName === undefined ? undefined : this.#peers.byName.get(peerName)?.number;
    if (peerName !== undefined && only === undefined) return undefined;
    return pathViews(this.#ribs, (peer) => this.#peers.nameOf(peer), only, why ? this.#peers.facts : undefined);
  }

  /**
   * The attribute sets that paths share, in short steps; of one peer, or of paths to a prefix and what is within it.
   * Undefined when there is no such peer.
   */
  attributes(peerName?: string, within?: Prefix): Iterable<readonly AttributeView[]> | undefined {
    const peer = peerName === undefined ? undefined : this.#peers.numberOf(peerName);
    if (peerName !== undefined && peer === undefined) return undefined;
    return attributeViews(this.#ribs, (number) => this.#peers.nameOf(number), { peer, within });
  }

  /**
   * What would change if `config` became the configuration, in short steps; nothing changes by that. Peers are taken to go on
   * saying what they say now. Undefined while there is no configuration.
   */
  plan(config: SpeakerConfig): Iterable<readonly PlanRow[]> | undefined {
    const withKernel = this.#environment.routes !== undefined;
    return this.#config && planRows(this.#ribs, this.#peers, { before: this.#config, after: config, withKernel });
  }

  /** What the tables and buffers hold and occupy. */
  memory(): MemoryRow[] {
    return memoryRows(this.#ribs, this.#peers, this.#propagation);
  }

  /** What a peer was told; undefined when there is no such peer. */
  advertised(peerName: string): RouteView[] | undefined {
    const peer = this.#peers.byName.get(peerName);
    const advertiser = peer && this.#propagation.advertiserOf(peer);
    return peer && (advertiser ? advertisedViews(this.#ribs, advertiser) : []);
  }

  #createPeer(config: PeerConfig, local: LocalIdentity, port: number): Peer {
    const peer = new Peer(config, local, this.#peers.freeNumber(), port, this.#environment, this.#listener);
    this.#peers.add(peer);
    return peer;
  }

  #addPeer(config: PeerConfig, owner: string, local: LocalIdentity, port: number): void {
    const peer = this.#createPeer(config, local, port);
    if (config.shutdown) peer.leaveIdle(describeShutdown(config.shutdown));
    else if (owner === config.name) peer.start();
    else
      peer.leaveIdle(
        `peer ${owner} has the ${config.peerAddress ? `address ${config.peerAddress}` : `interface ${config.interface}`} too`,
      );
  }

  #removePeer(peer: Peer, subcode: number, data?: Uint8Array): void {
    peer.stop(subcode, data);
    peer.helper.end();
    this.#peers.remove(peer);
  }

  /** A peer of a range that has no session, and of which no routes are kept for the next one, is there no longer. */
  #forgetIdle(peer: Peer): void {
    if (peer.config.range !== undefined && peer.idle) this.#peers.remove(peer);
  }

  readonly #listener: PeerListener = {
    onEstablished: (peer) => {
      this.#established = undefined;
      this.#plainUpdates[peer.number] = new PlainUpdates(this.#ribs, peer);
      this.#limits.forget(peer);
      this.#propagation.begin(peer);
    },
    onDown: (peer, kept) => {
      this.#established = undefined;
      this.#refreshes.forget(peer);
      this.#plainUpdates[peer.number] = undefined;
      this.#limits.forget(peer);
      for (const family of families) {
        const rib = this.#ribs.families[family];
        if (kept.includes(family)) rib.markStale(peer.number);
        else rib.removePeer(peer.number);
      }
      this.#propagation.end(peer);
    },
    onStaleEnd: (peer, family) => {
      this.#ribs.families[family].removeStale(peer.number);
      this.#forgetIdle(peer);
      this.#propagation.schedule();
      this.#environment.onChange();
    },
    onIdle: (peer) => this.#forgetIdle(peer),
    restarting: () => this.restarting,
    onPlainUpdate: (peer, bytes, start, end) => {
      if (!this.#plainUpdates[peer.number]?.apply(bytes, start, end)) return false;
      this.#limits.check(peer);
      this.#propagation.schedule();
      return true;
    },
    onUpdate: (peer, update, faults) => this.#onUpdate(peer, update, faults),
    onRouteRefresh: (peer, refresh) => this.#onRouteRefresh(peer, refresh),
    onDrain: (peer) => {
      this.#propagation.advertiserOf(peer)?.unblock();
      this.#propagation.schedule();
    },
    onChange: () => this.#environment.onChange(),
  };

  #onUpdate(peer: Peer, update: Update, faults: readonly AttributeFault[]): void {
    this.#faultLog.note(peer, faults);
    const ended = applyUpdate(this.#ribs, peer, update, faults);
    if (ended) {
      peer.endOfRib.add(ended);
      peer.helper.end(ended);
    }
    this.#limits.check(peer);
    this.#propagation.schedule();
  }

  /** RFC 2918 section 4: the whole Adj-RIB-Out again. Between the peer's marks its routes are stale (RFC 7313 section 4). */
  #onRouteRefresh(peer: Peer, { afi, safi, subtype }: RouteRefresh): void {
    const family = routeFamilyOf(afi, safi);
    if (!family || !peer.negotiated?.families.includes(family)) return;
    const rib = this.#ribs.families[family];
    if (subtype === refreshMarks.request) this.#propagation.advertiserOf(peer)?.refresh(family);
    else if (peer.negotiated.context.enhancedRouteRefresh) {
      // One more before the end goes on with the first: what was announced since is not stale.
      if (subtype === refreshMarks.begin) {
        if (!rib.hasStale(peer.number)) rib.markStale(peer.number);
        this.#refreshes.begin(peer, family);
      } else if (subtype === refreshMarks.end) {
        this.#refreshes.end(peer, family);
        rib.removeStale(peer.number);
      }
    }
    this.#propagation.schedule();
  }

  /** Policies change without a new session: what they reject is kept (soft reconfiguration), or asked for once more. */
  #changePolicy(peer: Peer, next: PeerConfig): void {
    const before = peer.config;
    peer.config = next;
    this.#propagation.advertiserOf(peer)?.followDefaults();
    for (const family of families) {
      if (policiesDiffer(before.importAction, next.importAction, family)) {
        const changed = [before, next].some(({ importAction }) => changesRoutes(importAction, family));
        if (changed) peer.askAgain(family);
        else judgeAgain(this.#ribs, peer.number, next.importAction, family);
      }
      if (policiesDiffer(before.exportAction, next.exportAction, family)) {
        this.#propagation.advertiserOf(peer)?.enqueueAll(family);
      }
    }
  }
}

function describeShutdown({ message }: NonNullable<PeerConfig['shutdown']>): string {
  return message === undefined ? 'shut down' : `shut down: ${message}`;
}
