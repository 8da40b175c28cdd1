import {
  type AttributeFault,
  ceaseErrors,
  createFramer,
  type DecodeContext,
  decodeMessage,
  encodeMessage,
  errorCodes,
  type Framer,
  formatNotification,
  fsmErrors,
  initialContext,
  type Message,
  messageTypes,
  type Notification,
  type Open,
  openErrors,
  type RouteRefresh,
  type SessionReset,
  type Update,
} from 'bgp-parser';
import type { Connection, SpeakerEnvironment, Timer } from './environment.ts';
import { type Action, type EventName, type State, transitions } from './fsm/table.ts';
import type { Ending } from './graceful-restart.ts';
import type { Negotiated } from './negotiation.ts';
import type { Reason, SessionOwner } from './session-owner.ts';

/** Section 8.2.2: "a hold timer value of 4 minutes is suggested". */
const largeHoldTimeMs = 240_000;
/** How long a hold timer that ran out waits for what may lie unread in the socket of a busy process. */
const holdGraceMs = 50;

const collision: Reason = { code: errorCodes.cease, subcode: ceaseErrors.connectionCollision };

/** An event with what it brings; `messageType` when it is a message. */
type Event = { readonly messageType?: number } & (
  | { readonly name: EventName; readonly reason?: Reason }
  | { readonly name: 'BgpOpen'; readonly negotiated: Negotiated }
  | { readonly name: 'UpdateMsg'; readonly update: Update; readonly faults: readonly AttributeFault[] }
  | { readonly name: 'RouteRefreshMsg'; readonly refresh: RouteRefresh }
);

/**
 * One connection with its state machine: reads messages, turns them into events, carries out the actions of
 * `fsm/table.ts`. Its peer decides when it starts and which of two survives.
 */
export class Session {
  state: State = 'Idle';
  negotiated: Negotiated | undefined;
  /** Whether this side started the connection that it has or had. */
  outgoing = true;
  localAddress = '';
  /** How it ended, or would if nothing more was said. */
  ending: Ending = { by: 'transport' };
  readonly #owner: SessionOwner;
  readonly #environment: SpeakerEnvironment;
  #context: DecodeContext = initialContext;
  #connection: Connection | undefined;
  #framer: Framer = createFramer();
  #connectRetryTimer: Timer | undefined;
  #holdTimer: Timer | undefined;
  #keepaliveTimer: Timer | undefined;
  #lastHeard = 0;

  constructor(owner: SessionOwner, environment: SpeakerEnvironment) {
    this.#owner = owner;
    this.#environment = environment;
  }

  start(passive: boolean): void {
    this.#handle({ name: passive ? 'AutomaticStartPassive' : 'AutomaticStart' });
  }

  /** Ends the session with a Cease. */
  stop(subcode: number, data?: Uint8Array): void {
    this.#handle({ name: 'ManualStop', reason: { code: errorCodes.cease, subcode, data } });
  }

  /** Ends the connection without a word, as the end of a process would (RFC 4724 section 4.1); nobody is told. */
  abandon(): void {
    this.#act('stopTimers', { name: 'ManualStop' }, this.state);
    this.#act('dropConnection', { name: 'ManualStop' }, this.state);
  }

  /** Ends the session as if its connection had failed: the peer has restarted and comes with a new one. */
  supersede(): void {
    this.#owner.onError('the peer came with a new connection', 'transport');
    this.#handle({ name: 'TcpConnectionFails' });
  }

  /** Ends the session because another connection to the same peer is kept. */
  dumpForCollision(): void {
    this.#handle({ name: 'OpenCollisionDump', reason: collision });
  }

  /** Takes a connection that the peer has started; the session is in Active. */
  adopt(connection: Connection): void {
    this.#attach(connection);
    this.#handle({ name: 'TcpConnectionConfirmed' });
  }

  /** Writes encoded messages; false when the peer should be left alone until its owner's onDrain. */
  write(bytes: Uint8Array): boolean {
    return this.#connection?.write(bytes) ?? true;
  }

  #handle(event: Event): void {
    const from = this.state;
    const transition = transitions[from][event.name];
    for (const action of transition.actions) this.#act(action, event, from);
    if (transition.to === from) return;
    this.state = transition.to;
    this.#owner.onStateChange(this, from, transition.to);
  }

  #act(action: Action, event: Event, state: State): void {
    switch (action) {
      case 'startConnectRetryTimer':
        this.#connectRetryTimer?.cancel();
        // Section 8.1.1, PassiveTcpEstablishment.
        if (this.#owner.passive()) return;
        this.#connectRetryTimer = this.#environment.clock.after(this.#owner.connectRetryMs(), () =>
          this.#handle({ name: 'ConnectRetryTimerExpires' }),
        );
        return;
      case 'stopConnectRetryTimer':
        this.#connectRetryTimer?.cancel();
        return;
      case 'connect':
        this.#attach(this.#owner.connect());
        return;
      case 'dropConnection': {
        const connection = this.#connection;
        this.#connection = undefined;
        connection?.close();
        return;
      }
      case 'sendOpen':
        this.#send(this.#owner.open());
        return;
      case 'startLargeHoldTimer':
        this.#lastHeard = this.#environment.clock.monotonic();
        this.#armHoldTimer(largeHoldTimeMs, largeHoldTimeMs);
        return;
      case 'negotiate':
        if ('negotiated' in event) {
          this.negotiated = event.negotiated;
          this.#context = event.negotiated.context;
          const holdMs = event.negotiated.holdTimeSeconds * 1000;
          this.#armHoldTimer(holdMs, holdMs);
        }
        return;
      case 'sendKeepalive':
        this.#send({ type: 'keepalive' });
        return;
      case 'startKeepaliveTimer':
        this.#startKeepaliveTimer();
        return;
      case 'restartHoldTimer':
        this.#lastHeard = this.#environment.clock.monotonic();
        return;
      case 'notify':
        if ('reason' in event && event.reason) this.#notify(event.reason);
        return;
      case 'notifyFsmError': {
        const subcode = { OpenSent: fsmErrors.inOpenSent, OpenConfirm: fsmErrors.inOpenConfirm }[state as string];
        // RFC 6608 section 4: the type of the unexpected message is the data.
        const data = event.messageType === undefined ? undefined : Uint8Array.of(event.messageType);
        this.#notify({ code: errorCodes.fsm, subcode: subcode ?? fsmErrors.inEstablished, data });
        return;
      }
      case 'stopTimers':
        this.#connectRetryTimer?.cancel();
        this.#holdTimer?.cancel();
        this.#keepaliveTimer?.cancel();
        return;
      case 'deliverUpdate':
        if ('update' in event) this.#owner.onUpdate(event.update, event.faults);
        return;
      case 'deliverRouteRefresh':
        if ('refresh' in event) this.#owner.onRouteRefresh(event.refresh);
        return;
      default:
        action satisfies never;
    }
  }

  #attach(connection: Connection): void {
    this.#connection = connection;
    this.#framer = createFramer();
    this.#context = initialContext;
    this.negotiated = undefined;
    this.ending = { by: 'transport' };
    this.outgoing = connection.outgoing;
    this.localAddress = connection.localAddress;
    // A connection that was replaced may still call.
    const current = () => this.#connection === connection;
    connection.listen({
      onOpen: () => {
        if (!current()) return;
        this.localAddress = connection.localAddress;
        this.#handle({ name: 'TcpCrAcked' });
      },
      onData: (chunk) => {
        if (current()) this.#read(connection, chunk);
      },
      onClose: (reason) => {
        if (!current()) return;
        this.#connection = undefined;
        this.#owner.onError(reason, 'transport');
        this.#handle({ name: 'TcpConnectionFails' });
      },
      onDrain: () => {
        if (current()) this.#owner.onDrain();
      },
    });
  }

  #read(connection: Connection, chunk: Uint8Array): void {
    this.#framer.push(chunk);
    const framer = this.#framer;
    while (this.#connection === connection) {
      const length = framer.take(this.#context);
      if (length === undefined) return;
      if (typeof length !== 'number') {
        this.#handle({ name: 'BgpHeaderErr', reason: length });
        return;
      }
      const { bytes, start } = framer;
      // As UpdateMsg in Established: the state stays, the hold timer starts again (RFC 4271 section 8.2.2).
      const update = bytes[start + 18] === messageTypes.update;
      if (update && this.state === 'Established' && this.#owner.onPlainUpdate(bytes, start, start + length)) {
        this.#lastHeard = this.#environment.clock.monotonic();
        continue;
      }
      const messageType = bytes[start + 18];
      const decoded = decodeMessage(bytes.subarray(start, start + length), this.#context);
      if (decoded.ok) this.#handle({ ...this.#eventOf(decoded.message, decoded.faults), messageType });
      else this.#handle({ name: errorEvent(decoded.error), reason: decoded.error, messageType });
    }
  }

  #eventOf(message: Message, faults: readonly AttributeFault[]): Event {
    switch (message.type) {
      case 'open':
        return this.#eventOfOpen(message);
      case 'update':
        return { name: 'UpdateMsg', update: message, faults };
      case 'keepalive':
        return { name: 'KeepAliveMsg' };
      case 'routeRefresh':
        return { name: 'RouteRefreshMsg', refresh: message };
      case 'notification': {
        const { code, subcode } = message;
        this.ending = { by: 'notification', code, subcode };
        this.#owner.onError(`received ${formatNotification(message)}`, errorKind(message));
        const version = code === errorCodes.open && subcode === openErrors.unsupportedVersion;
        return { name: version ? 'NotifMsgVerErr' : 'NotifMsg' };
      }
    }
  }

  #eventOfOpen(open: Open): Event {
    // Outside OpenSent an OPEN is an error of the state machine, whatever it says.
    if (this.state !== 'OpenSent') return { name: 'BgpOpen' };
    const judged = this.#owner.judgeOpen(this, open);
    if (judged === 'collision') return { name: 'OpenCollisionDump', reason: collision };
    return 'kind' in judged ? { name: 'BgpOpenMsgErr', reason: judged } : { name: 'BgpOpen', negotiated: judged };
  }

  #notify(reason: Reason): void {
    const { code, subcode, data = new Uint8Array(0) } = reason;
    const text = reason.message ?? formatNotification({ code, subcode, data });
    const message: Notification = { type: 'notification', code, subcode, data };
    this.ending = { by: 'notification', code, subcode };
    this.#owner.onError(describe(reason, text), errorKind(message));
    this.#send(message);
  }

  #send(message: Message): void {
    this.#connection?.write(encodeMessage(message, this.#context));
  }

  /** RFC 4271 section 10: a third of the hold time, with a jitter of 0.75 to 1. */
  #startKeepaliveTimer(): void {
    const holdTimeSeconds = this.negotiated?.holdTimeSeconds ?? this.#owner.holdTimeSeconds();
    this.#keepaliveTimer?.cancel();
    if (holdTimeSeconds === 0) return;
    const ms = (holdTimeSeconds * 1000) / 3;
    const jitter = 0.75 + 0.25 * this.#environment.random();
    this.#keepaliveTimer = this.#environment.clock.after(ms * jitter, () =>
      this.#handle({ name: 'KeepaliveTimerExpires' }),
    );
  }

  /** One timer that re-arms itself for the rest, so that a message costs no timer. */
  #armHoldTimer(holdMs: number, waitMs: number, grace = false): void {
    this.#holdTimer?.cancel();
    if (holdMs === 0) return;
    this.#holdTimer = this.#environment.clock.after(waitMs, () => {
      const left = this.#lastHeard + holdMs - this.#environment.clock.monotonic();
      if (left > 0) this.#armHoldTimer(holdMs, left);
      else if (!grace) this.#armHoldTimer(holdMs, holdGraceMs, true);
      else this.#handle({ name: 'HoldTimerExpires', reason: { code: errorCodes.holdTimer, subcode: 0 } });
    });
  }
}

function errorEvent({ code }: SessionReset): EventName {
  if (code === errorCodes.open) return 'BgpOpenMsgErr';
  // A bad ROUTE-REFRESH ends the session as a bad UPDATE does.
  return code === errorCodes.update || code === errorCodes.routeRefresh ? 'UpdateMsgErr' : 'BgpHeaderErr';
}

/** A lost collision and a refused connection say nothing about the peer's configuration or ours. */
function errorKind({ code, subcode }: Pick<Notification, 'code' | 'subcode'>): 'protocol' | 'transport' {
  const passing: readonly number[] = [ceaseErrors.connectionCollision, ceaseErrors.connectionRejected];
  return code === errorCodes.cease && passing.includes(subcode) ? 'transport' : 'protocol';
}

/** The NOTIFICATION's name in front of the details, unless they begin with it. */
function describe(reason: Reason, text: string): string {
  const name = formatNotification({ code: reason.code, subcode: reason.subcode, data: new Uint8Array(0) });
  return text.startsWith(name) ? text : `${name}: ${text}`;
}
