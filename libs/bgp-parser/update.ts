import { type AttributeList, decodeAttributes, encodeAttributes } from './attributes/list.ts';
import type { PathAttributes } from './attributes/value.ts';
import { concat, readU16, u16 } from './bytes.ts';
import type { DecodeContext } from './context.ts';
import { type AttributeFault, type SessionReset, sessionReset, treatAsWithdraw } from './errors.ts';
import { attributeCodes, errorCodes, updateErrors } from './iana.ts';
import { decodeNlri, encodeNlri, type Nlri } from './nlri.ts';

/** An UPDATE (RFC 4271 section 4.3): IPv4 unicast routes in its own fields, other families in the MP attributes. */
export interface Update {
  readonly type: 'update';
  readonly withdrawn: readonly Nlri[];
  readonly attributes: PathAttributes;
  readonly announced: readonly Nlri[];
}

export interface DecodedUpdate {
  readonly update: Update;
  /** Malformed attributes; any of kind treatAsWithdraw means that the announced routes count as withdrawn. */
  readonly faults: readonly AttributeFault[];
}

/** Decodes the body of an UPDATE as RFC 7606 revises section 6.3 of RFC 4271. */
export function decodeUpdate(body: Uint8Array, context: DecodeContext): DecodedUpdate | SessionReset {
  const fail = (subcode: number, message: string) => sessionReset(errorCodes.update, subcode, message);
  const withdrawnEnd = 2 + readU16(body, 0);
  if (withdrawnEnd + 2 > body.length) {
    return fail(updateErrors.malformedAttributeList, 'the withdrawn routes reach past the message');
  }
  const attributesStart = withdrawnEnd + 2;
  const attributesEnd = attributesStart + readU16(body, withdrawnEnd);
  if (attributesEnd > body.length) {
    return fail(updateErrors.malformedAttributeList, 'the path attributes reach past the message');
  }
  const withPathId = context.addPath.includes('ipv4Unicast');
  const withdrawn = decodeNlri(body, 2, withdrawnEnd, 4, withPathId);
  if (typeof withdrawn === 'string') return fail(updateErrors.invalidNetworkField, `withdrawn routes: ${withdrawn}`);
  const announced = decodeNlri(body, attributesEnd, body.length, 4, withPathId);
  if (typeof announced === 'string') return fail(updateErrors.invalidNetworkField, `NLRI: ${announced}`);
  const list = decodeAttributes(body.subarray(attributesStart, attributesEnd), context);
  if ('kind' in list) return list;
  const faults = [...list.faults, ...missing(list, announced)];

  // RFC 7606 section 5.2: without reachable NLRI one cannot know which routes a malformed attribute is about.
  const fatal = faults.find((fault) => fault.kind === 'treatAsWithdraw');
  if (fatal && announced.length === 0 && !list.attributes.mpReach?.nlri.length) {
    return fail(updateErrors.malformedAttributeList, `${fatal.message}, in an UPDATE without routes`);
  }
  return { update: { type: 'update', withdrawn, attributes: list.attributes, announced }, faults };
}

/** RFC 4271 section 5 and RFC 4760 section 3: what must accompany routes; RFC 7606 section 3 d: else they are withdrawn. */
function missing({ attributes, seen }: AttributeList, announced: readonly Nlri[]): AttributeFault[] {
  const classic = announced.length > 0;
  if (!classic && !attributes.mpReach?.nlri.length) return [];
  const faults: AttributeFault[] = [];
  const need = (code: number, name: string) => {
    if (!seen.has(code)) faults.push(treatAsWithdraw(code, `${name} is missing`));
  };
  need(attributeCodes.origin, 'ORIGIN');
  need(attributeCodes.asPath, 'AS_PATH');
  if (classic) need(attributeCodes.nextHop, 'NEXT_HOP');
  return faults;
}

/** The body of an UPDATE; the caller keeps it within the session's maximum message length. */
export function encodeUpdate(update: Update, context: DecodeContext): Uint8Array {
  return encodeUpdateBody(
    encodeNlri(update.withdrawn),
    encodeAttributes(update.attributes, context),
    encodeNlri(update.announced),
  );
}

/** The body of an UPDATE from its three encoded fields. */
export function encodeUpdateBody(withdrawn: Uint8Array, attributes: Uint8Array, announced: Uint8Array): Uint8Array {
  return concat([u16(withdrawn.length), withdrawn, u16(attributes.length), attributes, announced]);
}
