import { concat, readU16, u16 } from './bytes.ts';
import { type Capability, decodeCapability, encodeCapability } from './capabilities.ts';
import { type SessionReset, sessionReset } from './errors.ts';
import { bgpVersion, errorCodes, openErrors } from './iana.ts';

/** An OPEN message (RFC 4271 section 4.2). */
export interface Open {
  readonly type: 'open';
  /** The two-octet My Autonomous System field: AS_TRANS for a four-octet AS number. */
  readonly asNumber: number;
  /** 0, or at least 3. */
  readonly holdTimeSeconds: number;
  /** The BGP Identifier as an unsigned number. */
  readonly bgpIdentifier: number;
  readonly capabilities: readonly Capability[];
}

/** The AS number that the sender of an OPEN has: the four-octet capability's when it is there (RFC 6793 section 4.1). */
export function asNumberOf(open: Open): number {
  const capability = open.capabilities.find((c) => c.name === 'fourOctetAs');
  return capability ? capability.asNumber : open.asNumber;
}

const parameterCapabilities = 2;
const parameterExtended = 255;

/** Decodes the body (all after the header) of an OPEN, with the checks that need no configuration (section 6.2). */
export function decodeOpen(body: Uint8Array): Open | SessionReset {
  const fail = (subcode: number, message: string, data?: Uint8Array) =>
    sessionReset(errorCodes.open, subcode, message, data);
  if (body[0] !== bgpVersion) {
    return fail(openErrors.unsupportedVersion, `version ${body[0]} is not ${bgpVersion}`, u16(bgpVersion));
  }
  const asNumber = readU16(body, 1);
  const holdTimeSeconds = readU16(body, 3);
  if (holdTimeSeconds === 1 || holdTimeSeconds === 2) {
    return fail(openErrors.unacceptableHoldTime, `hold time ${holdTimeSeconds} s is neither 0 nor at least 3 s`);
  }
  const bgpIdentifier = ((body[5] << 24) | (body[6] << 16) | (body[7] << 8) | body[8]) >>> 0;
  if (bgpIdentifier === 0) return fail(openErrors.badBgpIdentifier, 'BGP Identifier is 0.0.0.0');

  const capabilities = decodeParameters(body);
  if ('kind' in capabilities) return capabilities;
  const open: Open = { type: 'open', asNumber, holdTimeSeconds, bgpIdentifier, capabilities };
  if (asNumberOf(open) === 0) return fail(openErrors.badPeerAs, 'AS number is 0 (RFC 7607)');
  return open;
}

function decodeParameters(body: Uint8Array): Capability[] | SessionReset {
  const malformed = (message: string) => sessionReset(errorCodes.open, openErrors.unspecific, message);
  // RFC 9072: length 255 and a first parameter type 255 announce two-octet lengths.
  const extended = body[9] !== 0 && body.length >= 13 && body[10] === parameterExtended;
  const start = extended ? 13 : 10;
  const length = extended ? readU16(body, 11) : body[9];
  if (start + length !== body.length) {
    return malformed(`optional parameters take ${body.length - start} octets, their length field says ${length}`);
  }
  const width = extended ? 3 : 2;
  const capabilities: Capability[] = [];
  let at = start;
  while (at < body.length) {
    if (body.length - at < width) return malformed('an optional parameter is cut off');
    const type = body[at];
    const end = at + width + (extended ? readU16(body, at + 1) : body[at + 1]);
    if (end > body.length) return malformed(`optional parameter ${type} reaches past the end of the message`);
    if (type !== parameterCapabilities) {
      return sessionReset(
        errorCodes.open,
        openErrors.unsupportedOptionalParameter,
        `optional parameter ${type} is unknown`,
      );
    }
    at += width;
    while (at < end) {
      if (end - at < 2 || at + 2 + body[at + 1] > end) return malformed('a capability reaches past its parameter');
      const [code, length] = [body[at], body[at + 1]];
      at += 2;
      const capability = decodeCapability(code, body.subarray(at, at + length));
      // RFC 4271 section 6.2: a parameter that is recognized, but malformed.
      if (!capability) return malformed(`capability ${code} has ${length} octets`);
      capabilities.push(capability);
      at += length;
    }
  }
  return capabilities;
}

/** The body of an OPEN: one capabilities parameter, in the form of RFC 9072 when 255 octets do not hold it. */
export function encodeOpen(open: Open): Uint8Array {
  const id = open.bgpIdentifier;
  const fixed = Uint8Array.of(
    bgpVersion,
    ...u16(open.asNumber),
    ...u16(open.holdTimeSeconds),
    id >>> 24,
    (id >>> 16) & 255,
    (id >>> 8) & 255,
    id & 255,
  );
  const list = concat(open.capabilities.map(encodeCapability));
  if (list.length === 0) return concat([fixed, Uint8Array.of(0)]);
  if (list.length <= 253) {
    return concat([fixed, Uint8Array.of(list.length + 2, parameterCapabilities, list.length), list]);
  }
  return concat([
    fixed,
    Uint8Array.of(255, parameterExtended, ...u16(list.length + 3), parameterCapabilities, ...u16(list.length)),
    list,
  ]);
}
