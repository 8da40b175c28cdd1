import { concat, readU16, u16 } from './bytes.ts';
import type { DecodeContext } from './context.ts';
import { type AttributeFault, type SessionReset, sessionReset } from './errors.ts';
import {
  errorCodes,
  extendedMessageLength,
  headerErrors,
  headerLength,
  maximumMessageLength,
  messageTypes,
  routeRefreshErrors,
} from './iana.ts';
import { decodeNotification, encodeNotification, type Notification } from './notification.ts';
import { decodeOpen, encodeOpen, type Open } from './open.ts';
import { decodeUpdate, encodeUpdate, type Update } from './update.ts';

export interface Keepalive {
  readonly type: 'keepalive';
}

/** RFC 2918 section 3; the subtype is the demarcation of RFC 7313 (0 request, 1 begin, 2 end). */
export interface RouteRefresh {
  readonly type: 'routeRefresh';
  readonly afi: number;
  readonly subtype: number;
  readonly safi: number;
}

export type Message = Open | Update | Notification | Keepalive | RouteRefresh;

export type Decoded =
  | { readonly ok: true; readonly message: Message; readonly faults: readonly AttributeFault[] }
  | { readonly ok: false; readonly error: SessionReset };

const noFaults: readonly AttributeFault[] = [];

/** The longest message of the session (RFC 8654 section 4: OPEN and KEEPALIVE never exceed 4,096). */
export function messageLimit(context: DecodeContext): number {
  return context.extendedMessage ? extendedMessageLength : maximumMessageLength;
}

/**
 * Checks a message header at `at` (RFC 4271 section 6.1): the length of the message, or the error to answer. The 19
 * octets of the header are there.
 */
export function checkHeader(bytes: Uint8Array, at: number, context: DecodeContext): number | SessionReset {
  for (let i = 0; i < 16; i++) {
    if (bytes[at + i] !== 0xff) {
      const subcode = headerErrors.connectionNotSynchronized;
      return sessionReset(errorCodes.header, subcode, 'the marker is not all ones');
    }
  }
  const length = readU16(bytes, at + 16);
  const type = bytes[at + 18];
  const badLength = (message: string) =>
    sessionReset(errorCodes.header, headerErrors.badMessageLength, message, u16(length));
  if (length < headerLength || length > messageLimit(context)) {
    return badLength(`message length ${length} is not between ${headerLength} and ${messageLimit(context)}`);
  }
  switch (type) {
    case messageTypes.open:
      if (length < 29 || length > maximumMessageLength) return badLength(`an OPEN has ${length} octets`);
      return length;
    case messageTypes.update:
      return length < 23 ? badLength(`an UPDATE has ${length} octets`) : length;
    case messageTypes.notification:
      return length < 21 ? badLength(`a NOTIFICATION has ${length} octets`) : length;
    case messageTypes.keepalive:
      return length !== 19 ? badLength(`a KEEPALIVE has ${length} octets`) : length;
    case messageTypes.routeRefresh:
      // RFC 7313 section 5 wants the whole message as data, which decodeMessage has.
      return length < 23 && !context.enhancedRouteRefresh ? badLength(`a ROUTE-REFRESH has ${length} octets`) : length;
    default: {
      const data = Uint8Array.of(type);
      return sessionReset(errorCodes.header, headerErrors.badMessageType, `message type ${type} is unknown`, data);
    }
  }
}

/** Decodes one whole message, header included. Never throws. */
export function decodeMessage(bytes: Uint8Array, context: DecodeContext): Decoded {
  const fail = (error: SessionReset): Decoded => ({ ok: false, error });
  if (bytes.length < headerLength) {
    const message = `${bytes.length} octets are less than a header`;
    return fail(sessionReset(errorCodes.header, headerErrors.badMessageLength, message, u16(bytes.length)));
  }
  const length = checkHeader(bytes, 0, context);
  if (typeof length !== 'number') return fail(length);
  if (length !== bytes.length) {
    const message = `length field ${length}, but ${bytes.length} octets`;
    return fail(sessionReset(errorCodes.header, headerErrors.badMessageLength, message, u16(length)));
  }
  const body = bytes.subarray(headerLength);
  switch (bytes[18]) {
    case messageTypes.open: {
      const open = decodeOpen(body);
      return 'kind' in open ? fail(open) : { ok: true, message: open, faults: noFaults };
    }
    case messageTypes.update: {
      const decoded = decodeUpdate(body, context);
      if ('kind' in decoded) return fail(decoded);
      return { ok: true, message: decoded.update, faults: decoded.faults };
    }
    case messageTypes.notification:
      return { ok: true, message: decodeNotification(body), faults: noFaults };
    case messageTypes.keepalive:
      return { ok: true, message: { type: 'keepalive' }, faults: noFaults };
    default:
      return decodeRouteRefresh(bytes, body, context);
  }
}

function decodeRouteRefresh(bytes: Uint8Array, body: Uint8Array, context: DecodeContext): Decoded {
  // RFC 7313 section 5; longer ones may carry an outbound route filter (RFC 5291), which we never ask for.
  const demarcation = context.enhancedRouteRefresh && (body[2] === 1 || body[2] === 2);
  if (body.length < 4 || (demarcation && body.length !== 4)) {
    const subcode = routeRefreshErrors.invalidMessageLength;
    const message = `a ROUTE-REFRESH has ${bytes.length} octets`;
    return { ok: false, error: sessionReset(errorCodes.routeRefresh, subcode, message, bytes.slice()) };
  }
  return {
    ok: true,
    message: { type: 'routeRefresh', afi: readU16(body, 0), subtype: body[2], safi: body[3] },
    faults: noFaults,
  };
}

/** The message on the wire, header included. */
export function encodeMessage(message: Message, context: DecodeContext): Uint8Array {
  switch (message.type) {
    case 'open':
      return frame(messageTypes.open, encodeOpen(message));
    case 'update':
      return frame(messageTypes.update, encodeUpdate(message, context));
    case 'notification':
      return frame(messageTypes.notification, encodeNotification(message));
    case 'keepalive':
      return frame(messageTypes.keepalive, new Uint8Array(0));
    case 'routeRefresh':
      return frame(messageTypes.routeRefresh, Uint8Array.of(...u16(message.afi), message.subtype, message.safi));
  }
}

const marker = new Uint8Array(16).fill(0xff);

/** The body with its header in front. */
export function frame(type: number, body: Uint8Array): Uint8Array {
  return concat([marker, u16(headerLength + body.length), Uint8Array.of(type), body]);
}
