/**
 * The finite state machine of RFC 4271 section 8.2.2 as data: one cell for each state and event, which names the next
 * state and what to do on the way. Every connection has a machine of its own (section 8.2.1); `session.ts` carries out
 * the actions.
 *
 * Left out, as nothing here uses them: DelayOpen (events 12 and 20) and the counters. Differences from the text, on purpose:
 * - a failed outgoing connection leads from Connect to Active (as with DelayOpen), so that the peer's own is accepted;
 * - a NOTIFICATION is never answered by a NOTIFICATION, in no state.
 */

export const states = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const;
export type State = (typeof states)[number];

/** The events of RFC 4271 section 8.1, and RouteRefreshMsg (RFC 2918). */
export const events = [
  'ManualStart',
  'ManualStop',
  'AutomaticStart',
  'AutomaticStartPassive',
  'AutomaticStop',
  'ConnectRetryTimerExpires',
  'HoldTimerExpires',
  'KeepaliveTimerExpires',
  'TcpCrAcked',
  'TcpConnectionConfirmed',
  'TcpConnectionFails',
  'BgpOpen',
  'BgpHeaderErr',
  'BgpOpenMsgErr',
  'OpenCollisionDump',
  'NotifMsgVerErr',
  'NotifMsg',
  'KeepAliveMsg',
  'UpdateMsg',
  'UpdateMsgErr',
  'RouteRefreshMsg',
] as const;
export type EventName = (typeof events)[number];

export type Action =
  | 'startConnectRetryTimer'
  | 'stopConnectRetryTimer'
  | 'connect'
  | 'dropConnection'
  | 'sendOpen'
  /** The hold timer with the large value of section 8.2.2, 4 minutes. */
  | 'startLargeHoldTimer'
  /** Takes hold time and capabilities from the two OPENs. */
  | 'negotiate'
  | 'sendKeepalive'
  | 'startKeepaliveTimer'
  | 'restartHoldTimer'
  /** Sends the NOTIFICATION that the event brings. */
  | 'notify'
  /** Sends the NOTIFICATION "Finite State Machine Error" of the state (RFC 6608). */
  | 'notifyFsmError'
  | 'stopTimers'
  | 'deliverUpdate'
  | 'deliverRouteRefresh';

export interface Transition {
  readonly to: State;
  readonly actions: readonly Action[];
}

type Row = Partial<Record<EventName, Transition>>;

const go = (to: State, ...actions: Action[]): Transition => ({ to, actions });

const toIdle = go('Idle', 'stopTimers', 'dropConnection');
const toIdleNotified = go('Idle', 'notify', 'stopTimers', 'dropConnection');
const toIdleFsmError = go('Idle', 'notifyFsmError', 'stopTimers', 'dropConnection');

/** What the states with a connection have in common. */
const connected: Row = {
  ManualStop: toIdleNotified,
  AutomaticStop: toIdleNotified,
  HoldTimerExpires: toIdleNotified,
  TcpConnectionFails: toIdle,
  BgpHeaderErr: toIdleNotified,
  BgpOpenMsgErr: toIdleNotified,
  OpenCollisionDump: toIdleNotified,
  NotifMsgVerErr: toIdle,
  NotifMsg: toIdle,
};

/** Events that a state ignores. */
function ignore(state: State, ...names: EventName[]): Row {
  return Object.fromEntries(names.map((name) => [name, go(state)]));
}

/** A whole row: `otherwise` fills the cells that are not named. */
function row(cells: Row, otherwise: Transition): Record<EventName, Transition> {
  // The entries are exactly the names of the events.
  return Object.fromEntries(events.map((event) => [event, cells[event] ?? otherwise])) as Record<EventName, Transition>;
}

const starts = ['ManualStart', 'AutomaticStart', 'AutomaticStartPassive'] as const;
const openSent = go('OpenSent', 'stopConnectRetryTimer', 'sendOpen', 'startLargeHoldTimer');

export const transitions: Readonly<Record<State, Readonly<Record<EventName, Transition>>>> = {
  Idle: row(
    {
      ManualStart: go('Connect', 'startConnectRetryTimer', 'connect'),
      AutomaticStart: go('Connect', 'startConnectRetryTimer', 'connect'),
      AutomaticStartPassive: go('Active'),
    },
    go('Idle'),
  ),
  Connect: row(
    {
      ...ignore('Connect', ...starts),
      ConnectRetryTimerExpires: go('Connect', 'dropConnection', 'startConnectRetryTimer', 'connect'),
      TcpCrAcked: openSent,
      TcpConnectionConfirmed: openSent,
      TcpConnectionFails: go('Active', 'dropConnection', 'startConnectRetryTimer'),
    },
    toIdle,
  ),
  Active: row(
    {
      ...ignore('Active', ...starts),
      ConnectRetryTimerExpires: go('Connect', 'startConnectRetryTimer', 'connect'),
      TcpCrAcked: openSent,
      TcpConnectionConfirmed: openSent,
    },
    toIdle,
  ),
  OpenSent: row(
    {
      ...connected,
      ...ignore('OpenSent', ...starts),
      TcpConnectionFails: go('Active', 'stopTimers', 'dropConnection', 'startConnectRetryTimer'),
      BgpOpen: go(
        'OpenConfirm',
        'stopConnectRetryTimer',
        'negotiate',
        'sendKeepalive',
        'startKeepaliveTimer',
        'restartHoldTimer',
      ),
    },
    toIdleFsmError,
  ),
  OpenConfirm: row(
    {
      ...connected,
      ...ignore('OpenConfirm', ...starts),
      KeepaliveTimerExpires: go('OpenConfirm', 'sendKeepalive', 'startKeepaliveTimer'),
      KeepAliveMsg: go('Established', 'restartHoldTimer'),
    },
    toIdleFsmError,
  ),
  Established: row(
    {
      ...connected,
      ...ignore('Established', ...starts),
      KeepaliveTimerExpires: go('Established', 'sendKeepalive', 'startKeepaliveTimer'),
      KeepAliveMsg: go('Established', 'restartHoldTimer'),
      UpdateMsg: go('Established', 'restartHoldTimer', 'deliverUpdate'),
      RouteRefreshMsg: go('Established', 'restartHoldTimer', 'deliverRouteRefresh'),
      UpdateMsgErr: toIdleNotified,
    },
    toIdleFsmError,
  ),
};
