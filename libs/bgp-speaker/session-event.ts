import {
  type AttributeFault,
  ceaseErrors,
  errorCodes,
  formatNotification,
  type Notification,
  type RouteRefresh,
  type SessionReset,
  type Update,
} from 'bgp-parser';
import type { EventName } from './fsm/table.ts';
import type { Negotiated } from './negotiation.ts';
import type { Reason } from './session-owner.ts';

/** An event with what it brings; `messageType` when it is a message. */
export type Event = { readonly messageType?: number } & (
  | { readonly name: EventName; readonly reason?: Reason }
  | { readonly name: 'BgpOpen'; readonly negotiated: Negotiated }
  | { readonly name: 'UpdateMsg'; readonly update: Update; readonly faults: readonly AttributeFault[] }
  | { readonly name: 'RouteRefreshMsg'; readonly refresh: RouteRefresh }
);

/** The event that a message which cannot be read is. */
export function errorEvent({ code }: SessionReset): EventName {
  if (code === errorCodes.open) return 'BgpOpenMsgErr';
  // A bad ROUTE-REFRESH ends the session as a bad UPDATE does.
  return code === errorCodes.update || code === errorCodes.routeRefresh ? 'UpdateMsgErr' : 'BgpHeaderErr';
}

/** A lost collision and a refused connection say nothing about the peer's configuration or ours. */
export function errorKind({ code, subcode }: Pick<Notification, 'code' | 'subcode'>): 'protocol' | 'transport' {
  const passing: readonly number[] = [ceaseErrors.connectionCollision, ceaseErrors.connectionRejected];
  return code === errorCodes.cease && passing.includes(subcode) ? 'transport' : 'protocol';
}

/** The NOTIFICATION's name in front of the details, unless they begin with it. */
export function describe(reason: Reason, text: string): string {
  const name = formatNotification({ code: reason.code, subcode: reason.subcode, data: new Uint8Array(0) });
  return text.startsWith(name) ? text : `${name}: ${text}`;
}
