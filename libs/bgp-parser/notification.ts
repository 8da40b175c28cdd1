import { formatHex, readU16, readU32 } from './bytes.ts';
import { ceaseErrors, errorCodes, openErrors } from './iana.ts';

/** A NOTIFICATION (RFC 4271 section 4.5). */
export interface Notification {
  readonly type: 'notification';
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

const names: Readonly<Record<number, { name: string; subcodes: Readonly<Record<number, string>> }>> = {
  1: {
    name: 'Message Header Error',
    subcodes: { 1: 'Connection Not Synchronized', 2: 'Bad Message Length', 3: 'Bad Message Type' },
  },
  2: {
    name: 'OPEN Message Error',
    subcodes: {
      1: 'Unsupported Version Number',
      2: 'Bad Peer AS',
      3: 'Bad BGP Identifier',
      4: 'Unsupported Optional Parameter',
      6: 'Unacceptable Hold Time',
      7: 'Unsupported Capability',
      11: 'Role Mismatch',
    },
  },
  3: {
    name: 'UPDATE Message Error',
    subcodes: {
      1: 'Malformed Attribute List',
      2: 'Unrecognized Well-known Attribute',
      3: 'Missing Well-known Attribute',
      4: 'Attribute Flags Error',
      5: 'Attribute Length Error',
      6: 'Invalid ORIGIN Attribute',
      8: 'Invalid NEXT_HOP Attribute',
      9: 'Optional Attribute Error',
      10: 'Invalid Network Field',
      11: 'Malformed AS_PATH',
    },
  },
  4: { name: 'Hold Timer Expired', subcodes: {} },
  5: {
    name: 'Finite State Machine Error',
    subcodes: {
      1: 'Unexpected Message in OpenSent State',
      2: 'Unexpected Message in OpenConfirm State',
      3: 'Unexpected Message in Established State',
    },
  },
  6: {
    name: 'Cease',
    subcodes: {
      1: 'Maximum Number of Prefixes Reached',
      2: 'Administrative Shutdown',
      3: 'Peer De-configured',
      4: 'Administrative Reset',
      5: 'Connection Rejected',
      6: 'Other Configuration Change',
      7: 'Connection Collision Resolution',
      8: 'Out of Resources',
      9: 'Hard Reset',
      10: 'BFD Down',
    },
  },
  7: { name: 'ROUTE-REFRESH Message Error', subcodes: { 1: 'Invalid Message Length' } },
};

/** What a NOTIFICATION says, e.g. `Bad Peer AS`, `Cease: Administrative Shutdown "maintenance"`, `Hold Timer Expired`. */
export function formatNotification(notification: Pick<Notification, 'code' | 'subcode' | 'data'>): string {
  const { code, subcode, data } = notification;
  const entry = names[code];
  if (!entry) return `NOTIFICATION ${code}/${subcode}`;
  const name = entry.subcodes[subcode];
  if (!name) return subcode === 0 ? entry.name : `${entry.name} (subcode ${subcode})`;
  const text = code === errorCodes.cease ? `Cease: ${name}` : name;
  const detail = formatData(code, subcode, data);
  return detail === '' ? text : `${text} ${detail}`;
}

function formatData(code: number, subcode: number, data: Uint8Array): string {
  if (data.length === 0) return '';
  if (code === errorCodes.cease) {
    const communication = shutdownCommunication(subcode, data);
    return communication === undefined ? '' : JSON.stringify(communication);
  }
  // Some speakers send the AS number that they refuse.
  if (code === errorCodes.open && subcode === openErrors.badPeerAs) {
    if (data.length === 2) return `(${readU16(data, 0)})`;
    if (data.length === 4) return `(${readU32(data, 0)})`;
  }
  return `(${formatHex(data.subarray(0, 32))})`;
}

/** The operator's message of a Cease (RFC 9003 section 2), or undefined when there is none or it is no UTF-8. */
function shutdownCommunication(subcode: number, data: Uint8Array): string | undefined {
  if (subcode !== ceaseErrors.administrativeShutdown && subcode !== ceaseErrors.administrativeReset) return undefined;
  if (data.length < 2 || data[0] === 0 || data[0] + 1 > data.length) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data.subarray(1, 1 + data[0]));
  } catch {
    return undefined;
  }
}

/** The data field of a Cease that carries a message: a length octet and at most 255 octets of UTF-8. */
export function encodeShutdownCommunication(message: string): Uint8Array {
  const bytes = new TextEncoder().encode(message);
  let length = Math.min(bytes.length, 255);
  // Not in the middle of a character.
  while (length > 0 && length < bytes.length && (bytes[length] & 0xc0) === 0x80) length--;
  return Uint8Array.of(length, ...bytes.subarray(0, length));
}

export function decodeNotification(body: Uint8Array): Notification {
  return { type: 'notification', code: body[0], subcode: body[1], data: body.slice(2) };
}

export function encodeNotification(notification: Notification): Uint8Array {
  return Uint8Array.of(notification.code, notification.subcode, ...notification.data);
}
