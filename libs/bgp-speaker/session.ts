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
} from 'bgp-parser';
import type { Connection, SpeakerEnvironment } from './environment.ts';
import { type Action, type State, transitions } from './fsm/table.ts';
import type { Ending } from './graceful-restart.ts';
import type { Negotiated } from './negotiation.ts';
import { describe, type Event, errorEvent, errorKind } from './session-event.ts';
import type { Reason, SessionOwner } from './session-owner.ts';
import { SessionTimers } from './session-timers.ts';

/** Section 8.2.2: "a hold timer value of 4 minutes is suggested". */
const largeHoldTimeMs = 240_000;

const collision: Reason = { code: errorCodes.cease, subcode: ceaseErrors.connectionCollision };

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
  #context: DecodeContext = initialContext;
  #connection: Connection | undefined;
  #framer: Framer = createFramer();
  readonly #timers: SessionTimers;

  constructor(owner: SessionOwner, environment: SpeakerEnvironment) {
    this.#owner = owner;
    this.#timers = new SessionTimers(environment, (name) => {
      const reason = name === 'HoldTimerExpires' ? { code: errorCodes.holdTimer, subcode: 0 } : undefined;
      this.#handle({ name, reason });
    });
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

  /** Octets that were received and are kept, and that were written and wait. */
  get buffered(): { readonly received: number; readonly unsent: number } {
    return { received: this.#framer.kept, unsent: this.#connection?.unsent ?? 0 };
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
        // Section 8.1.1, PassiveTcpEstablishment.
        if (this.#owner.passive()) this.#timers.stopConnectRetry();
        else this.#timers.startConnectRetry(this.#owner.connectRetryMs());
        return;
      case 'stopConnectRetryTimer':
        this.#timers.stopConnectRetry();
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
        this.#timers.heard();
        this.#timers.startHold(largeHoldTimeMs);
        return;
      case 'negotiate':
        if ('negotiated' in event) {
          this.negotiated = event.negotiated;
          this.#context = event.negotiated.context;
          this.#timers.startHold(event.negotiated.holdTimeSeconds * 1000);
        }
        return;
      case 'sendKeepalive':
        this.#send({ type: 'keepalive' });
        return;
      case 'startKeepaliveTimer':
        this.#timers.startKeepalive(this.negotiated?.holdTimeSeconds ?? this.#owner.holdTimeSeconds());
        return;
      case 'restartHoldTimer':
        this.#timers.heard();
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
        this.#timers.stop();
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
        this.#timers.heard();
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
}
