import type { FamilyNumbers } from './capabilities.ts';

/** What a decoder found wrong, as values: the caller must handle each kind. */

/** The session cannot go on: send this NOTIFICATION and close (RFC 4271 section 6). */
export interface SessionReset {
  readonly kind: 'sessionReset';
  readonly code: number;
  readonly subcode: number;
  /** The NOTIFICATION's data field. */
  readonly data: Uint8Array;
  readonly message: string;
  /**
   * The damage is confined to this family: not to use it for the rest of the session would do as well (AFI/SAFI disable,
   * RFC 7606 section 2 and RFC 4760 section 7).
   */
  readonly family?: FamilyNumbers;
}

/**
 * One attribute is malformed and the session goes on (RFC 7606 section 2): either the routes of the UPDATE are taken as
 * withdrawn, or the attribute is left out and the rest used.
 */
export interface AttributeFault {
  readonly kind: 'treatAsWithdraw' | 'attributeDiscard';
  /** The attribute's type code; 0 for the list as a whole. */
  readonly attribute: number;
  readonly message: string;
}

const empty = new Uint8Array(0);

export function sessionReset(code: number, subcode: number, message: string, data: Uint8Array = empty): SessionReset {
  return { kind: 'sessionReset', code, subcode, data, message };
}

export function treatAsWithdraw(attribute: number, message: string): AttributeFault {
  return { kind: 'treatAsWithdraw', attribute, message };
}

export function attributeDiscard(attribute: number, message: string): AttributeFault {
  return { kind: 'attributeDiscard', attribute, message };
}
