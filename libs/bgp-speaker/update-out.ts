import type { Address } from '@caracal/net';
import {
  type DecodeContext,
  encodeAttributes,
  encodeNlri,
  encodeUpdateBody,
  frame,
  headerLength,
  messageLimit,
  messageTypes,
  type Nlri,
  nlriLength,
  type PathAttributes,
  type RouteFamily,
} from 'bgp-parser';

const none = new Uint8Array(0);
/** The octets of the two length fields of an UPDATE. */
const lengthFields = 4;
/** Header of an MP attribute with two length octets, AFI, SAFI; and for MP_REACH next hop (two addresses) and reserved. */
const mpOverhead = 4 + 3 + 1 + 32 + 1;

/** UPDATEs that announce the prefixes with one set of attributes; none when the attributes alone are too long. */
export function announcements(
  family: RouteFamily,
  attributes: PathAttributes,
  nextHop: Address,
  list: readonly Nlri[],
  context: DecodeContext,
): Uint8Array[] {
  const room = messageLimit(context) - headerLength - lengthFields;
  // RFC 8950 section 3: with an IPv6 next hop IPv4 routes go into MP_REACH_NLRI.
  if (family === 'ipv4Unicast' && nextHop.family === 4) {
    const encoded = encodeAttributes({ ...attributes, nextHop }, context);
    return chunks(list, room - encoded.length).map((chunk) => update(none, encoded, encodeNlri(chunk)));
  }
  const shared = encodeAttributes(attributes, context);
  return chunks(list, room - shared.length - mpOverhead).map((nlri) => {
    const reach = encodeAttributes({ mpReach: { family, nextHops: [nextHop], nlri } }, context);
    return update(none, encodeUpdateAttributes(reach, shared), none);
  });
}

/** UPDATEs that withdraw the prefixes. */
export function withdrawals(family: RouteFamily, list: readonly Nlri[], context: DecodeContext): Uint8Array[] {
  const room = messageLimit(context) - headerLength - lengthFields;
  if (family === 'ipv4Unicast') return chunks(list, room).map((chunk) => update(encodeNlri(chunk), none, none));
  return chunks(list, room - mpOverhead).map((nlri) =>
    update(none, encodeAttributes({ mpUnreach: { family, nlri } }, context), none),
  );
}

/** RFC 4724 section 2. */
export function endOfRib(family: RouteFamily, context: DecodeContext): Uint8Array {
  if (family === 'ipv4Unicast') return update(none, none, none);
  return update(none, encodeAttributes({ mpUnreach: { family, nlri: [] } }, context), none);
}

function update(withdrawn: Uint8Array, attributes: Uint8Array, announced: Uint8Array): Uint8Array {
  return frame(messageTypes.update, encodeUpdateBody(withdrawn, attributes, announced));
}

/** The MP attribute first (RFC 7606 section 5.1). */
function encodeUpdateAttributes(first: Uint8Array, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + rest.length);
  bytes.set(first);
  bytes.set(rest, first.length);
  return bytes;
}

/** The list in pieces that take at most `room` octets each; nothing when there is no room for a prefix. */
function chunks(list: readonly Nlri[], room: number): Nlri[][] {
  const pieces: Nlri[][] = [];
  let piece: Nlri[] = [];
  let used = 0;
  for (const nlri of list) {
    const length = nlriLength(nlri);
    if (length > room) return [];
    if (used + length > room) {
      pieces.push(piece);
      piece = [];
      used = 0;
    }
    piece.push(nlri);
    used += length;
  }
  if (piece.length > 0) pieces.push(piece);
  return pieces;
}
