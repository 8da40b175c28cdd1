import { type BfdState, type ControlPacket, diagnostics, encodePacket } from './packet.ts';

/** What is wished of a session: how often packets go and come at most, and how many may be missed. */
export interface BfdTimes {
  readonly sendMs: number;
  readonly receiveMs: number;
  readonly multiplier: number;
}

/** What a session runs on. */
export interface BfdEnvironment {
  readonly clock: {
    /** Milliseconds that never go back. */
    monotonic(): number;
    after(milliseconds: number, run: () => void): { cancel(): void };
    /** Runs soon, after input that waits has been read. */
    soon(run: () => void): void;
  };
  /** From 0 to 1. */
  readonly random: () => number;
  readonly send: (bytes: Uint8Array) => void;
  /** `failed`: why a session that was Up is Down now, unless the other side was told to stop (RFC 5882 section 3.2). */
  readonly onChange: (state: BfdState, failed?: string) => void;
}

/** Section 6.8.3: the least interval of a session that is not Up. */
const slowUs = 1_000_000;

/**
 * One BFD session in asynchronous mode (RFC 5880 section 6.8), in the active role and without echo. The names of the
 * variables are those of section 6.8.1.
 */
export class BfdSession {
  sessionState: BfdState = 'Down';
  readonly localDiscr: number;
  readonly #times: BfdTimes;
  readonly #environment: BfdEnvironment;
  #remoteDiscr = 0;
  #remoteState: BfdState = 'Down';
  #remoteMinRxUs = 1;
  #remoteMinTxUs = 0;
  #remoteDemand = false;
  #remoteMultiplier = 0;
  #localDiag: number = diagnostics.none;
  #polling = false;
  #heardAt = 0;
  #transmit: { cancel(): void } | undefined;
  #detection: { cancel(): void } | undefined;

  constructor(localDiscr: number, times: BfdTimes, environment: BfdEnvironment) {
    this.localDiscr = localDiscr;
    this.#times = times;
    this.#environment = environment;
  }

  start(): void {
    this.#send();
    this.#scheduleTransmit();
  }

  /** Ends it for good; the other side hears that this was meant (section 6.8.16). */
  stop(): void {
    this.#transmit?.cancel();
    this.#detection?.cancel();
    this.sessionState = 'AdminDown';
    this.#localDiag = diagnostics.administrativelyDown;
    this.#send();
  }

  /** Takes a packet that is meant for this session (section 6.8.6). */
  receive(packet: ControlPacket): void {
    if (this.sessionState === 'AdminDown') return;
    if (packet.yourDiscriminator !== 0 && packet.yourDiscriminator !== this.localDiscr) return;
    const before = this.#intervalUs();
    this.#remoteDiscr = packet.myDiscriminator;
    this.#remoteState = packet.state;
    this.#remoteDemand = packet.demand;
    this.#remoteMinRxUs = packet.requiredMinRxUs;
    this.#remoteMinTxUs = packet.desiredMinTxUs;
    this.#remoteMultiplier = packet.multiplier;
    if (packet.final) this.#polling = false;
    this.#heardAt = this.#environment.clock.monotonic();
    this.#armDetection();
    this.#follow(packet.state);
    if (packet.poll) this.#send(true);
    // A longer interval begins with the next packet; a shorter one at once.
    if (this.#intervalUs() < before || (before === 0 && this.#intervalUs() > 0)) this.#scheduleTransmit();
  }

  /** The state machine of section 6.2. */
  #follow(theirs: BfdState): void {
    const own = this.sessionState;
    if (theirs === 'AdminDown') {
      if (own !== 'Down') this.#become('Down', diagnostics.neighborSignaledDown);
    } else if (own === 'Down') {
      if (theirs === 'Down') this.#become('Init');
      else if (theirs === 'Init') this.#become('Up');
    } else if (own === 'Init') {
      if (theirs !== 'Down') this.#become('Up');
    } else if (theirs === 'Down') {
      this.#become('Down', diagnostics.neighborSignaledDown, 'the neighbour says that it is down');
    }
  }

  #become(state: BfdState, diagnostic: number = diagnostics.none, failed?: string): void {
    const wasUp = this.sessionState === 'Up';
    this.sessionState = state;
    this.#localDiag = diagnostic;
    // Section 6.8.3: our interval changes with the state; the poll has the other side know it.
    this.#polling = state === 'Up';
    this.#send();
    this.#scheduleTransmit();
    this.#environment.onChange(state, wasUp ? failed : undefined);
  }

  get #desiredMinTxUs(): number {
    const wished = this.#times.sendMs * 1000;
    return this.sessionState === 'Up' ? wished : Math.max(wished, slowUs);
  }

  /** Between our packets; 0: none are wanted (sections 6.8.7 and 6.6). */
  #intervalUs(): number {
    if (this.#remoteMinRxUs === 0) return 0;
    const both = this.sessionState === 'Up' && this.#remoteState === 'Up';
    if (this.#remoteDemand && both && !this.#polling) return 0;
    return Math.max(this.#desiredMinTxUs, this.#remoteMinRxUs);
  }

  #scheduleTransmit(): void {
    this.#transmit?.cancel();
    const interval = this.#intervalUs() / 1000;
    if (interval === 0) return;
    // Section 6.8.7: between 75 and 100 percent, at most 90 where a single packet counts.
    const longest = this.#times.multiplier === 1 ? 0.9 : 1;
    const wait = interval * (0.75 + (longest - 0.75) * this.#environment.random());
    this.#transmit = this.#environment.clock.after(wait, () => {
      this.#send();
      this.#scheduleTransmit();
    });
  }

  /** Section 6.8.4: the other side's multiplier times the slower of its sending and our receiving. */
  get #detectionMs(): number {
    return (this.#remoteMultiplier * Math.max(this.#times.receiveMs * 1000, this.#remoteMinTxUs)) / 1000;
  }

  #armDetection(wait = this.#detectionMs): void {
    this.#detection?.cancel();
    this.#detection = this.#environment.clock.after(wait, () =>
      // What lies unread in the socket of a busy process counts.
      this.#environment.clock.soon(() => this.#judgeSilence()),
    );
  }

  #judgeSilence(): void {
    if (this.sessionState === 'AdminDown') return;
    // Timers may fire a little early.
    const left = this.#heardAt + this.#detectionMs - this.#environment.clock.monotonic();
    if (left > 0) {
      this.#armDetection(Math.ceil(left));
      return;
    }
    this.#remoteDiscr = 0;
    this.#remoteMinRxUs = 1;
    this.#remoteDemand = false;
    this.#remoteState = 'Down';
    if (this.sessionState === 'Down') return;
    this.#become('Down', diagnostics.detectionTimeExpired, `nothing heard for ${Math.round(this.#detectionMs)} ms`);
  }

  #send(final = false): void {
    const packet = {
      diagnostic: this.#localDiag,
      state: this.sessionState,
      // Section 6.5: a packet has one of the two.
      poll: this.#polling && !final,
      final,
      demand: false,
      multiplier: this.#times.multiplier,
      myDiscriminator: this.localDiscr,
      yourDiscriminator: this.#remoteDiscr,
      desiredMinTxUs: this.#desiredMinTxUs,
      requiredMinRxUs: this.#times.receiveMs * 1000,
    };
    this.#environment.send(encodePacket(packet));
  }
}
