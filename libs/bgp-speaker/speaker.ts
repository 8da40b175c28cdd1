import { addressesEqual, compareAddresses, parseAddress } from '@caracal/net';
import {
  type AttributeFault,
  ceaseErrors,
  encodeShutdownCommunication,
  type RouteFamily,
  type RouteRefresh,
  routeFamilyOf,
  type Update,
} from 'bgp-parser';
import { Advertiser, refreshMarks } from './advertiser.ts';
import type { PeerConfig, SpeakerConfig } from './config.ts';
import type { PeerFacts } from './decision/steps.ts';
import type { Connection, SpeakerEnvironment } from './environment.ts';
import { FaultLog } from './fault-log.ts';
import { identifierOf, type LocalIdentity } from './negotiation.ts';
import { Originated } from './originated.ts';
import { Peer, type PeerListener } from './peer.ts';
import { PlainUpdates } from './plain-updates.ts';
import type { Source } from './policy/export.ts';
import { changesRoutes, judgeAgain, policiesDiffer } from './policy/reconfigure.ts';
import { RestartDeferral } from './restart-deferral.ts';
import { AttributeStore } from './rib/attribute-store.ts';
import { LocRib } from './rib/loc-rib.ts';
import { localPeer } from './rib/path-store.ts';
import { applyUpdate, type Ribs } from './update-in.ts';
import { advertisedViews, type PeerStatus, pathViews, type RouteView } from './views.ts';

/** How long decisions and packing may take before input, timers and keepalives have their turn. */
const sliceMs = 2;

const families: readonly RouteFamily[] = ['ipv4Unicast', 'ipv6Unicast'];

/**
 * The speaker: peers, their routes, and what they are told. What a message changes is worked off in slices: the decision
 * process takes the changed routes, the advertisers tell each peer.
 */
export class Speaker {
  readonly #environment: SpeakerEnvironment;
  readonly #ribs: Ribs;
  readonly #peers = new Map<string, Peer>();
  /** By the number that paths carry; 0 is this speaker itself. */
  readonly #byNumber: (Peer | undefined)[] = [undefined];
  readonly #keys = new Map<Peer, string>();
  readonly #advertisers = new Map<Peer, Advertiser>();
  /** By the peer's number, while its session is established. */
  readonly #plainUpdates: (PlainUpdates | undefined)[] = [];
  readonly #facts: PeerFacts;
  readonly #faultLog: FaultLog;
  #config: SpeakerConfig | undefined;
  #scheduled = false;
  /** Routes came in since the last slice: the counters have changed. */
  #received = false;
  readonly #originated: Originated;
  readonly #deferral: RestartDeferral;

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
    this.#deferral = new RestartDeferral(environment, () => this.#schedule());
    this.#facts = {
      isExternal: (peer) => this.#byNumber[peer]?.external ?? false,
      identifier: (peer) => this.#byNumber[peer]?.negotiated?.peerIdentifier ?? 0,
      addressRank: (peer) => this.#addressRank(peer),
    };
  }

  get config(): SpeakerConfig | undefined {
    return this.#config;
  }

  /** Applies the difference to the running configuration; sessions whose own settings stay are not touched. */
  configure(config: SpeakerConfig): void {
    const before = this.#config;
    this.#config = config;
    const local: LocalIdentity = {
      asNumber: config.localAs,
      identifier: identifierOf(config.routerId),
      clusterId: identifierOf(config.clusterId ?? config.routerId),
    };
    const everyone = !before || sessionKey(before) !== sessionKey(config);
    const wanted = new Map(config.peers.map((peer) => [peer.name, peer]));
    // Of peers with one address only the first can be told apart by its connections.
    const owners = new Map([...config.peers].reverse().map((peer) => [peer.peerAddress, peer.name]));
    const ownerOf = (peer: PeerConfig) => owners.get(peer.peerAddress) ?? peer.name;
    for (const [name, peer] of [...this.#peers]) {
      const next = wanted.get(name);
      if (!next) this.#removePeer(peer, ceaseErrors.peerDeconfigured);
      else if (next.shutdown && !peer.config.shutdown) {
        const data =
          next.shutdown.message === undefined ? undefined : encodeShutdownCommunication(next.shutdown.message);
        this.#removePeer(peer, ceaseErrors.administrativeShutdown, data);
      } else if (everyone || this.#keys.get(peer) !== peerKey(next, ownerOf(next))) {
        this.#removePeer(peer, ceaseErrors.otherConfigurationChange);
      } else this.#changePolicy(peer, next);
    }
    this.#deferral.begin(config);
    this.#originated.set(config.originate);
    for (const peer of config.peers) {
      if (!this.#peers.has(peer.name)) this.#addPeer(peer, ownerOf(peer), local, config.listenPort);
    }
    this.#schedule();
    this.#environment.onChange();
  }

  /** Hands an incoming connection to the peer whose address it comes from. */
  accept(connection: Connection): void {
    const remote = parseAddress(connection.remoteAddress);
    for (const peer of this.#peers.values()) {
      if (!remote || !addressesEqual(peer.address, remote) || peer.disabled) continue;
      peer.accept(connection);
      return;
    }
    this.#environment.log('refused a connection of no configured peer', { address: connection.remoteAddress });
    connection.close();
  }

  /** Leaves: a Cease to every peer. The routes stay with the sink. */
  stop(subcode: number = ceaseErrors.administrativeShutdown, data?: Uint8Array): void {
    for (const peer of this.#peers.values()) peer.stop(subcode, data);
  }

  /** Ends all sessions so that peers keep our routes, because this process is to start again. */
  abandon(): void {
    for (const peer of this.#peers.values()) peer.abandon();
  }

  status(): PeerStatus[] {
    return [...this.#peers.values()].map((peer) => ({
      name: peer.config.name,
      address: peer.config.peerAddress,
      asNumber: peer.config.peerAs,
      state: peer.state,
      restarting: peer.helper.helping,
      sinceMs: peer.since,
      received: families.reduce((sum, family) => sum + this.#ribs.families[family].counts(peer.number).accepted, 0),
      advertised: this.#advertisers.get(peer)?.advertisedCount ?? 0,
      lastError: peer.lastError,
    }));
  }

  /** Whether it has restarted, and waits for what the peers of before have to say. */
  get restarting(): boolean {
    return this.#deferral.waits(this.#peers);
  }

  /** Whether every change that came in has been decided on. */
  get settled(): boolean {
    return families.every((family) => this.#ribs.families[family].changed.length === 0);
  }

  /** The names of the peers that have not sent all their routes yet: not established, or without an End-of-RIB. */
  awaited(): string[] {
    const complete = (peer: Peer) =>
      peer.established !== undefined && (peer.negotiated?.families ?? []).every((family) => peer.endOfRib.has(family));
    return [...this.#peers.values()].filter((peer) => !complete(peer)).map((peer) => peer.config.name);
  }

  /** Every path, or those of one peer's Adj-RIB-In (undefined when there is no such peer); `why` it was chosen or not. */
  routes(peerName?: string, why = false): RouteView[] | undefined {
    const only = peerName === undefined ? undefined : this.#peers.get(peerName)?.number;
    if (peerName !== undefined && only === undefined) return undefined;
    return pathViews(
      this.#ribs,
      (peer) => this.#byNumber[peer]?.config.name ?? 'local',
      only,
      why ? this.#facts : undefined,
    );
  }

  /** What a peer was told; undefined when there is no such peer. */
  advertised(peerName: string): RouteView[] | undefined {
    const peer = this.#peers.get(peerName);
    const advertiser = peer && this.#advertisers.get(peer);
    return peer && (advertiser ? advertisedViews(this.#ribs, advertiser) : []);
  }

  #addPeer(config: PeerConfig, owner: string, local: LocalIdentity, port: number): void {
    // Numbers of peers that are gone are given out again, so that arrays by number stay small.
    let number = 1;
    while (this.#byNumber[number]) number++;
    const peer = new Peer(config, local, number, port, this.#environment, this.#listener);
    this.#byNumber[number] = peer;
    this.#peers.set(config.name, peer);
    this.#keys.set(peer, peerKey(config, owner));
    if (config.shutdown) peer.leaveIdle(describeShutdown(config.shutdown));
    else if (owner === config.name) peer.start();
    else peer.leaveIdle(`peer ${owner} has the address ${config.peerAddress} too`);
  }

  #removePeer(peer: Peer, subcode: number, data?: Uint8Array): void {
    peer.stop(subcode, data);
    peer.helper.end();
    this.#peers.delete(peer.config.name);
    this.#keys.delete(peer);
    this.#byNumber[peer.number] = undefined;
  }

  readonly #listener: PeerListener = {
    onEstablished: (peer) => {
      this.#plainUpdates[peer.number] = new PlainUpdates(this.#ribs, peer);
      const sourceOf = (number: number) => this.#sourceOf(number);
      this.#advertisers.set(peer, new Advertiser(peer, this.#ribs, sourceOf, this.#facts.identifier));
      this.#schedule();
    },
    onDown: (peer, kept) => {
      this.#plainUpdates[peer.number] = undefined;
      const advertiser = this.#advertisers.get(peer);
      this.#advertisers.delete(peer);
      for (const family of families) {
        const rib = this.#ribs.families[family];
        if (kept.includes(family)) rib.markStale(peer.number);
        else rib.removePeer(peer.number);
        // What only this peer still held can go.
        if (advertiser) for (let route = 0; route < rib.prefixes.end; route++) this.#release(family, route);
      }
      this.#schedule();
    },
    onStaleEnd: (peer, family) => {
      this.#ribs.families[family].removeStale(peer.number);
      this.#schedule();
      this.#environment.onChange();
    },
    restarting: () => this.restarting,
    onPlainUpdate: (peer, bytes, start, end) => {
      if (!this.#plainUpdates[peer.number]?.apply(bytes, start, end)) return false;
      this.#received = true;
      this.#checkLimit(peer);
      this.#schedule();
      return true;
    },
    onUpdate: (peer, update, faults) => this.#onUpdate(peer, update, faults),
    onRouteRefresh: (peer, refresh) => this.#onRouteRefresh(peer, refresh),
    onDrain: (peer) => {
      this.#advertisers.get(peer)?.unblock();
      this.#schedule();
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
    this.#checkLimit(peer);
    this.#schedule();
    this.#environment.onChange();
  }

  /** Warns of a peer that nears its prefix limit, and ends the session of one that exceeds it (RFC 4486 section 4). */
  #checkLimit(peer: Peer): void {
    const limit = peer.config.prefixLimit;
    if (!limit) return;
    for (const family of families) {
      const { received } = this.#ribs.families[family].counts(peer.number);
      if (received > limit.maximum) {
        peer.exceedLimit(family, limit);
        return;
      }
      peer.warnOfLimit(family, received, limit);
    }
  }

  /** RFC 2918 section 4: the whole Adj-RIB-Out again. Between the peer's marks its routes are stale (RFC 7313 section 4). */
  #onRouteRefresh(peer: Peer, { afi, safi, subtype }: RouteRefresh): void {
    const family = routeFamilyOf(afi, safi);
    if (!family || !peer.negotiated?.families.includes(family)) return;
    const rib = this.#ribs.families[family];
    if (subtype === refreshMarks.request) this.#advertisers.get(peer)?.refresh(family);
    else if (peer.negotiated.context.enhancedRouteRefresh) {
      // One more before the end goes on with the first: what was announced since is not stale.
      if (subtype === refreshMarks.begin && !rib.hasStale(peer.number)) rib.markStale(peer.number);
      else if (subtype === refreshMarks.end) rib.removeStale(peer.number);
    }
    this.#schedule();
  }

  /** Policies change without a new session: what they reject is kept (soft reconfiguration), or asked for once more. */
  #changePolicy(peer: Peer, next: PeerConfig): void {
    const before = peer.config;
    peer.config = next;
    for (const family of families) {
      if (policiesDiffer(before.importAction, next.importAction, family)) {
        const changed = [before, next].some(({ importAction }) => changesRoutes(importAction, family));
        if (changed) peer.askAgain(family);
        else judgeAgain(this.#ribs, peer.number, next.importAction, family);
      }
      if (policiesDiffer(before.exportAction, next.exportAction, family)) {
        this.#advertisers.get(peer)?.enqueueAll(family);
      }
    }
  }

  #sourceOf(peer: number): Source {
    if (peer === localPeer) return 'local';
    if (this.#facts.isExternal(peer)) return 'external';
    return this.#byNumber[peer]?.config.reflectorClient ? 'client' : 'internal';
  }

  /** The place of the peer's address among all peers' (RFC 4271 section 9.1.2.2 g). */
  #addressRank(number: number): number {
    const peer = this.#byNumber[number];
    if (!peer) return -1;
    let rank = 0;
    for (const other of this.#peers.values()) if (compareAddresses(other.address, peer.address) < 0) rank++;
    return rank;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#environment.clock.soon(() => {
      this.#scheduled = false;
      if (this.#work()) this.#schedule();
    });
  }

  /** One slice of decisions and messages; true when more waits. */
  #work(): boolean {
    const end = this.#environment.clock.monotonic() + sliceMs;
    let more = false;
    if (this.#received) this.#environment.onChange();
    this.#received = false;
    if (this.restarting) return false;
    for (const family of families) {
      const rib = this.#ribs.families[family];
      for (let count = 1; rib.changed.length > 0; count++) {
        this.#decide(family, rib);
        // The clock costs as much as a few decisions.
        if ((count & 63) === 0 && this.#environment.clock.monotonic() > end) break;
      }
      if (rib.changed.length > 0) more = true;
    }
    for (const advertiser of this.#advertisers.values()) {
      const before = advertiser.advertisedCount;
      if (advertiser.flush((family, route) => this.#release(family, route), !more)) more = true;
      if (advertiser.advertisedCount !== before) this.#environment.onChange();
    }
    return more;
  }

  #decide(family: RouteFamily, rib: LocRib): void {
    const decided = rib.decideNext(this.#facts);
    if (!decided) return;
    const { route, bestChanged, equal } = decided;
    if (bestChanged) for (const advertiser of this.#advertisers.values()) advertiser.enqueue(family, route);
    const sink = this.#environment.routes;
    if (sink) {
      const nextHops = equal
        .filter((path) => rib.paths.peer[path] !== localPeer)
        .map((path) => this.#ribs.attributes.nextHop(rib.paths.attributes[path]))
        .filter((nextHop) => nextHop !== undefined);
      sink.setRoute(rib.prefixes.at(route), nextHops);
    }
    if (equal.length === 0) this.#release(family, route);
  }

  #release(family: RouteFamily, route: number): void {
    const rib = this.#ribs.families[family];
    if (rib.firstPath(route) >= 0 || rib.bestPath(route) >= 0) return;
    for (const advertiser of this.#advertisers.values()) if (advertiser.holds(family, route)) return;
    rib.removeRoute(route);
  }
}

function describeShutdown({ message }: NonNullable<PeerConfig['shutdown']>): string {
  return message === undefined ? 'shut down' : `shut down: ${message}`;
}

/** What all sessions depend on. */
function sessionKey({ localAs, routerId, clusterId, listenPort }: SpeakerConfig): string {
  return JSON.stringify([localAs, routerId, clusterId, listenPort]);
}

/** What one session depends on: all but the policy; and which peer has its address. */
function peerKey({ importAction: _, exportAction: __, ...session }: PeerConfig, owner: string): string {
  return JSON.stringify([session, owner]);
}
