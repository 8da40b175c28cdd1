import type { Address } from '@caracal/net';
import {
  ceaseErrors,
  encodeMessage,
  errorCodes,
  familyNumbers,
  initialContext,
  type Open,
  type RouteFamily,
  type SessionReset,
} from 'bgp-parser';
import { gracefulRestartOf, type PeerConfig } from './config.ts';
import type { Connection, LocalAddresses, SpeakerEnvironment } from './environment.ts';
import { type State, states } from './fsm/table.ts';
import { keptFamilies, RestartHelper } from './graceful-restart.ts';
import { IdleHold, jitter } from './idle-hold.ts';
import { parseScoped } from './link-local.ts';
import { type LocalIdentity, localOpen, type Negotiated, negotiate, oursSurvives } from './negotiation.ts';
import { PeerBfd } from './peer-bfd.ts';
import type { PeerListener } from './peer-listener.ts';
import { PeerPlace } from './peer-place.ts';
import { Session } from './session.ts';
import type { SessionOwner } from './session-owner.ts';

/** Two connections that collide come closer together than this; one that comes later is of a peer that has restarted. */
const collisionMs = 5000;

/**
 * A configured neighbour: its session, a second one while two connections collide (RFC 4271 section 6.8), and the wait
 * between attempts. `established` is the session that exchanges routes.
 */
export class Peer {
  config: PeerConfig;
  readonly local: LocalIdentity;
  /** The number that paths of this peer carry. */
  readonly number: number;
  established: Session | undefined;
  negotiated: Negotiated | undefined;
  /** The addresses of the interface that the established session uses. */
  addresses: LocalAddresses = {};
  /** Why the last session or attempt ended; empty once established. */
  lastError = '';
  /** When the state was entered, in Unix milliseconds. */
  since: number;
  /** Families whose End-of-RIB the peer has sent in this session. */
  readonly endOfRib = new Set<RouteFamily>();
  /** What of its routes stays while it restarts. */
  readonly helper: RestartHelper;
  readonly bfd: PeerBfd;
  /** Whether what stands in the kernel is ours of before: after a session, or after an earlier process. */
  #forwardingKept: boolean;
  readonly #place: PeerPlace;
  readonly #listener: PeerListener;
  readonly #environment: SpeakerEnvironment;
  readonly #port: number;
  #sessions: Session[] = [];
  readonly #idleHold: IdleHold;
  #establishedAt = 0;
  #stopped = false;
  #lastErrorKind: 'protocol' | 'transport' = 'transport';

  constructor(
    config: PeerConfig,
    local: LocalIdentity,
    number: number,
    port: number,
    environment: SpeakerEnvironment,
    listener: PeerListener,
  ) {
    this.config = config;
    this.local = local;
    this.#place = new PeerPlace(config, environment);
    this.number = number;
    this.#port = port;
    this.#environment = environment;
    this.#listener = listener;
    this.#idleHold = new IdleHold(environment);
    this.since = environment.clock.now();
    this.#forwardingKept = environment.restarted !== undefined;
    this.bfd = new PeerBfd(
      environment,
      (reason) => this.#endForBfd(reason),
      () => listener.onChange(),
    );
    this.helper = new RestartHelper(environment.clock, (family) => listener.onStaleEnd(this, family));
  }

  /** Whether it starts no session at all. */
  get disabled(): boolean {
    return this.#stopped;
  }

  get external(): boolean {
    const { peerAs } = this.config;
    return (typeof peerAs === 'object' ? this.asNumber : peerAs) !== this.local.asNumber;
  }

  /** The AS that it has: the configured one, or that of the last session; 0 when there was none. */
  get asNumber(): number {
    return this.negotiated?.peerAs ?? (typeof this.config.peerAs === 'number' ? this.config.peerAs : 0);
  }

  /** Where it is, for people: its address, or the interface while that is unknown. */
  get place(): string {
    return this.#place.text;
  }

  /** The configured address, or the one that was found on the interface. */
  get address(): Address | undefined {
    return this.#place.address;
  }

  /** The interface that its link-local next hops are on. */
  get interface(): string | undefined {
    return this.config.interface ?? parseScoped(this.established?.localAddress ?? '').zone;
  }

  /** Our next hop in what the peer is told. */
  ownNextHop(family: RouteFamily): Address | undefined {
    const { ipv4, ipv6 } = this.addresses;
    if (family === 'ipv6Unicast') return ipv6;
    const overIpv6 = this.established?.localAddress.includes(':');
    return this.negotiated?.context.extendedNextHop && (overIpv6 || !ipv4) ? ipv6 : ipv4;
  }

  /** The state of the session that has come furthest. */
  get state(): State {
    let furthest = 0;
    for (const session of this.#sessions) furthest = Math.max(furthest, states.indexOf(session.state));
    return states[furthest];
  }

  /** Stays Idle, for a reason that the operator sees. */
  leaveIdle(reason: string): void {
    this.#stopped = true;
    this.lastError = reason;
  }

  /** Whether there is neither a session nor anything that is kept for one to come. */
  get idle(): boolean {
    return this.#sessions.length === 0 && !this.helper.helping && !this.#stopped;
  }

  start(): void {
    this.#stopped = false;
    if (this.config.range !== undefined) {
      // It is for the peer to connect, and until then there is nothing to know of it.
      this.#listener.onIdle(this);
      return;
    }
    const session = this.#createSession();
    session.start(this.config.passive);
  }

  /** Ends the peer's sessions with a Cease and starts none. */
  stop(subcode: number, data?: Uint8Array): void {
    this.#stopped = true;
    this.#idleHold.cancel();
    // RFC 8538 section 3: only a hard reset says that the routes are to go.
    const hard = this.negotiated?.peerRestart?.notification && subcode !== ceaseErrors.otherConfigurationChange;
    const inner = Uint8Array.of(errorCodes.cease, subcode, ...(data ?? []));
    for (const session of [...this.#sessions]) {
      if (hard && session === this.established) session.stop(ceaseErrors.hardReset, inner);
      else session.stop(subcode, data);
    }
    this.#sessions = [];
  }

  /** Ends the sessions so that the peer keeps our routes, because this process is to start again. */
  abandon(): void {
    const helped = gracefulRestartOf(this.config).mode === 'Restart' && this.negotiated?.peerRestart !== undefined;
    if (!this.established || !helped) {
      this.stop(ceaseErrors.administrativeReset);
      return;
    }
    this.#stopped = true;
    this.#idleHold.cancel();
    this.bfd.end();
    for (const session of this.#sessions) session.abandon();
    this.#sessions = [];
  }

  /** Ends the session of a peer that announces too much; a new one begins after a time, if one is given. */
  exceedLimit(reason: string, data: Uint8Array, restartSeconds?: number): void {
    this.stop(ceaseErrors.maximumPrefixes, data);
    this.lastError = reason;
    if (restartSeconds === undefined) return;
    this.#idleHold.beginFor(restartSeconds * 1000, () => this.start());
  }

  /** Takes a connection that comes from the peer's address, or refuses it. */
  accept(connection: Connection): void {
    this.#place.heardFrom(this.config, connection.remoteAddress);
    const waiting = this.#sessions.find((session) => session.state === 'Active');
    if (waiting) {
      waiting.adopt(connection);
      return;
    }
    if (this.#stopped || (this.established && !this.#restartsGracefully())) {
      refuse(connection);
      return;
    }
    // Between two attempts a connection of the peer ends the wait: two speakers that both refuse in Idle (RFC 4271
    // section 8.2.2) and wait equally long would never meet.
    this.#idleHold.cancel();
    // A third connection takes the place of an earlier incoming one, whose other end has probably gone.
    const earlier = this.#sessions.find((session) => !session.outgoing && session.state === 'OpenSent');
    earlier?.dumpForCollision();
    if (this.#sessions.length > 1) {
      refuse(connection);
      return;
    }
    const session = this.#createSession();
    session.start(true);
    session.adopt(connection);
  }

  /** Asks for all routes of a family once more (RFC 2918); a peer that cannot be asked gets a new session. */
  askAgain(family: RouteFamily): void {
    if (!this.established || !this.negotiated) return;
    if (this.negotiated.routeRefresh) {
      const refresh = { type: 'routeRefresh', subtype: 0, ...familyNumbers(family) } as const;
      this.write(encodeMessage(refresh, this.negotiated.context));
      return;
    }
    this.stop(ceaseErrors.otherConfigurationChange);
    this.start();
  }

  /** Writes encoded messages to the established session; false when its buffer is full. */
  write(bytes: Uint8Array): boolean {
    return this.established?.write(bytes) ?? true;
  }

  /** RFC 4724 section 5: such a peer may be back before we notice that its session is dead. */
  #restartsGracefully(): boolean {
    return (this.negotiated?.peerRestart?.families.size ?? 0) > 0;
  }

  /** Whether an OPEN beside an established session is of a peer that is back, and not of a collision. */
  #isBack(open: Negotiated): boolean {
    if (!this.#restartsGracefully()) return false;
    const late = this.#environment.clock.monotonic() - this.#establishedAt > collisionMs;
    return late || open.peerRestart?.restarting === true;
  }

  #createSession(): Session {
    const session = new Session(this.#owner, this.#environment);
    this.#sessions.push(session);
    return session;
  }

  readonly #owner: SessionOwner = this.#createOwner();

  #createOwner(): SessionOwner {
    return {
      holdTimeSeconds: () => this.config.holdTimeSeconds,
      passive: () => this.config.passive,
      connectRetryMs: () => jitter(this.config.connectRetrySeconds * 1000, this.#environment.random),
      connect: () => this.#place.connect(this.config, this.#port),
      open: () => {
        const own = { restarting: this.#listener.restarting(), forwardingKept: this.#forwardingKept };
        return localOpen(this.local, this.config, own);
      },
      judgeOpen: (session, open) => this.#judgeOpen(session, open),
      onStateChange: (session, from, to) => this.#onStateChange(session, from, to),
      onPlainUpdate: (bytes, start, end) => this.#listener.onPlainUpdate(this, bytes, start, end),
      onUpdate: (update, faults) => this.#listener.onUpdate(this, update, faults),
      onRouteRefresh: (refresh) => this.#listener.onRouteRefresh(this, refresh),
      onDrain: () => this.#listener.onDrain(this),
      onError: (message, kind) => this.#onError(message, kind),
    };
  }

  #judgeOpen(session: Session, open: Open): Negotiated | SessionReset | 'collision' {
    const judged = negotiate(this.local, this.config, open);
    if ('kind' in judged) return judged;
    const other = this.#sessions.find((candidate) => candidate !== session);
    if (!other) return judged;
    if (other.state === 'Established') {
      if (!this.#isBack(judged)) return 'collision';
      other.supersede();
    }
    if (other.state === 'OpenConfirm') {
      const keepOutgoing = oursSurvives(this.local, judged.peerIdentifier, judged.peerAs);
      if (session.outgoing !== keepOutgoing) return 'collision';
      other.dumpForCollision();
    }
    return judged;
  }

  #onStateChange(session: Session, from: State, to: State): void {
    this.since = this.#environment.clock.now();
    this.#environment.log('session state', { peer: this.config.name, from, to });
    if (from === 'Established') {
      this.established = undefined;
      this.bfd.end();
      const restart = this.negotiated?.peerRestart;
      const kept = this.#stopped ? [] : keptFamilies(restart, session.ending);
      this.#listener.onDown(this, kept);
      if (restart && kept.length > 0) {
        const { restartTimeSeconds } = restart;
        const fields = { peer: this.config.name, families: kept, restartTimeSeconds };
        this.#environment.log('keeping the routes of a peer that restarts', fields);
        this.helper.begin(kept, restartTimeSeconds);
      }
    }
    if (to === 'Established') this.#onEstablished(session);
    // One of two connections broke: the other goes on alone.
    // A peer of a range is gone with its connection.
    if (from === 'OpenSent' && to === 'Active' && (this.#sessions.length > 1 || this.config.range !== undefined))
      session.stop(ceaseErrors.connectionCollision);
    if (to === 'Idle') {
      this.#sessions = this.#sessions.filter((candidate) => candidate !== session);
      if (this.#sessions.length === 0) this.#startLater();
    }
    this.#listener.onChange();
  }

  #onEstablished(session: Session): void {
    for (const other of this.#sessions) if (other !== session) other.dumpForCollision();
    this.#idleHold.succeeded();
    this.lastError = '';
    this.#lastErrorKind = 'transport';
    this.established = session;
    this.negotiated = session.negotiated;
    this.addresses = this.#environment.localAddresses(session.localAddress);
    this.endOfRib.clear();
    this.#forwardingKept = true;
    this.#establishedAt = this.#environment.clock.monotonic();
    this.helper.onEstablished(session.negotiated?.peerRestart);
    this.bfd.begin(this.config.bfd, session.localAddress, this.#place.scoped);
    this.#listener.onEstablished(this);
  }

  /** RFC 9384; a hard reset where a NOTIFICATION would keep the routes of a path that is dead (RFC 8538). */
  #endForBfd(reason: string): void {
    const hard = this.negotiated?.peerRestart?.notification;
    if (hard) this.established?.stop(ceaseErrors.hardReset, Uint8Array.of(errorCodes.cease, ceaseErrors.bfdDown));
    else this.established?.stop(ceaseErrors.bfdDown);
    this.#onError(`BFD Down: ${reason}`, 'protocol');
  }

  #startLater(): void {
    if (this.config.range !== undefined) this.#listener.onIdle(this);
    else if (!this.#stopped) this.#idleHold.begin(this.config.connectRetrySeconds * 1000, () => this.start());
  }

  /** An error of the protocol stays to be seen while attempts to connect fail for lesser reasons. */
  #onError(message: string, kind: 'protocol' | 'transport'): void {
    this.#environment.log('session error', { peer: this.config.name, error: message });
    if (kind === 'transport' && this.#lastErrorKind === 'protocol') return;
    this.lastError = message;
    this.#lastErrorKind = kind;
    this.#listener.onChange();
  }
}

function refuse(connection: Connection): void {
  const cease = { type: 'notification', code: errorCodes.cease, subcode: ceaseErrors.connectionCollision } as const;
  connection.write(encodeMessage({ ...cease, data: new Uint8Array(0) }, initialContext));
  connection.close();
}
