import { addressFromBytes } from '@caracal/net';
import { decodeAttributes, encodeAttribute, encodeAttributes } from '../attributes/list.ts';
import type { PathAttributes } from '../attributes/value.ts';
import { concat, readU16, u16, u32 } from '../bytes.ts';
import type { DecodeContext, RouteFamily } from '../context.ts';
import { attributeCodes, attributeFlags } from '../iana.ts';
import { addressFamilyOf, decodeNlri, encodeNlri, familyNumbers } from '../nlri.ts';
import type { Cursor } from './cursor.ts';
import type { DecodedBody, MrtPeer, MrtRecord, RibEntry } from './record.ts';

/** Attributes of a dump: AS numbers have four octets (RFC 6396 section 4.3.4). */
const dumpContext: DecodeContext = {
  fourOctetAs: true,
  external: false,
  addPath: [],
  extendedMessage: true,
  confederation: true,
  extendedNextHop: true,
  anyFlags: true,
};

const peerIndexTable = 1;
/** RFC 6396 section 4.3.2, RFC 8050 section 4.1. */
const ribSubtypes: Readonly<Record<number, { family: RouteFamily; addPath: boolean }>> = {
  2: { family: 'ipv4Unicast', addPath: false },
  4: { family: 'ipv6Unicast', addPath: false },
  8: { family: 'ipv4Unicast', addPath: true },
  10: { family: 'ipv6Unicast', addPath: true },
};

type PeerIndexTable = Extract<MrtRecord, { type: 'peerIndexTable' }>;
type Rib = Extract<MrtRecord, { type: 'rib' }>;

/** The body of a TABLE_DUMP_V2 record; undefined for a subtype that is none of these. */
export function decodeTableDump(subtype: number, body: Cursor): DecodedBody | undefined {
  if (subtype === peerIndexTable) return decodePeers(body);
  const row = ribSubtypes[subtype];
  if (!row) return undefined;
  const sequence = body.u32();
  const start = body.at;
  const end = start + 1 + ((body.u8() + 7) >> 3);
  body.take(end - body.at);
  const prefixes = decodeNlri(body.bytes, start, end, addressFamilyOf(row.family), false);
  if (typeof prefixes === 'string') return { ok: false, message: prefixes };
  const entries: RibEntry[] = [];
  for (let count = body.u16(); count > 0; count--) {
    const entry = decodeEntry(body, row);
    if (typeof entry === 'string') return { ok: false, message: entry };
    entries.push(entry);
  }
  return { ok: true, value: { type: 'rib', family: row.family, sequence, prefix: prefixes[0].prefix, entries } };
}

function decodeEntry(body: Cursor, row: { family: RouteFamily; addPath: boolean }): RibEntry | string {
  const peerIndex = body.u16();
  const originated = body.u32();
  const path = row.addPath ? { pathId: body.u32() } : {};
  const list = decodeAttributes(whole(body.take(body.u16()), row.family), dumpContext);
  if ('kind' in list) return list.message;
  const [fault] = list.faults;
  return fault ? fault.message : { peerIndex, originated, ...path, attributes: list.attributes };
}

function decodePeers(body: Cursor): DecodedBody {
  const collectorIdentifier = body.u32();
  const viewName = new TextDecoder().decode(body.take(body.u16()));
  const peers: MrtPeer[] = [];
  for (let count = body.u16(); count > 0; count--) {
    const type = body.u8();
    const bgpIdentifier = body.u32();
    const address = addressFromBytes(body.take(type & 1 ? 16 : 4).slice());
    const fourOctetAs = (type & 2) !== 0;
    peers.push({ bgpIdentifier, address, asNumber: fourOctetAs ? body.u32() : body.u16(), fourOctetAs });
  }
  return { ok: true, value: { type: 'peerIndexTable', collectorIdentifier, viewName, peers } };
}

/** The subtype and body of a record. */
export function encodeTableDump(record: PeerIndexTable | Rib): { subtype: number; body: Uint8Array } {
  if (record.type === 'peerIndexTable') return { subtype: peerIndexTable, body: encodePeers(record) };
  const addPath = record.entries.some((entry) => entry.pathId !== undefined);
  const found = Object.entries(ribSubtypes).find(([, row]) => row.family === record.family && row.addPath === addPath);
  const entries = record.entries.map((entry) => {
    const attributes = abbreviated(encodeAttributes(entry.attributes, dumpContext));
    const pathId = addPath ? u32(entry.pathId ?? 0) : new Uint8Array(0);
    return concat([u16(entry.peerIndex), u32(entry.originated), pathId, u16(attributes.length), attributes]);
  });
  const prefix = encodeNlri([{ prefix: record.prefix }]);
  return { subtype: Number(found?.[0]), body: concat([u32(record.sequence), prefix, u16(entries.length), ...entries]) };
}

function encodePeers({ collectorIdentifier, viewName, peers }: PeerIndexTable): Uint8Array {
  const name = new TextEncoder().encode(viewName);
  const list = peers.map((peer) => {
    const type = (peer.address.family === 6 ? 1 : 0) | (peer.fourOctetAs ? 2 : 0);
    const asNumber = peer.fourOctetAs ? u32(peer.asNumber) : u16(peer.asNumber);
    return concat([Uint8Array.of(type), u32(peer.bgpIdentifier), peer.address.bytes, asNumber]);
  });
  return concat([u32(collectorIdentifier), u16(name.length), name, u16(peers.length), ...list]);
}

/**
 * In a dump MP_REACH_NLRI has the length of the next hop and the next hop alone (RFC 6396 section 4.3.4); some writers
 * leave it whole, whose first octet is 0. Answers with the whole form, without prefixes.
 */
function whole(attributes: Uint8Array, family: RouteFamily): Uint8Array {
  return mapMpReach(attributes, (value) => {
    if (value[0] === 0) return value;
    const numbers = familyNumbers(family);
    return concat([u16(numbers.afi), Uint8Array.of(numbers.safi), value, Uint8Array.of(0)]);
  });
}

function abbreviated(attributes: Uint8Array): Uint8Array {
  return mapMpReach(attributes, (value) => value.subarray(3, 4 + value[3]));
}

/** The attributes with another value of MP_REACH_NLRI; as they are when their lengths do not fit. */
function mapMpReach(attributes: Uint8Array, map: (value: Uint8Array) => Uint8Array): Uint8Array {
  for (let at = 0; at + 3 <= attributes.length; ) {
    const wide = (attributes[at] & attributeFlags.extendedLength) !== 0;
    const start = at + (wide ? 4 : 3);
    const end = start + (wide ? readU16(attributes, at + 2) : attributes[at + 2]);
    if (attributes[at + 1] === attributeCodes.mpReach && end <= attributes.length && end > start) {
      const flags = attributes[at] & ~attributeFlags.extendedLength;
      const mapped = encodeAttribute(flags, attributeCodes.mpReach, map(attributes.subarray(start, end)));
      return concat([attributes.subarray(0, at), mapped, attributes.subarray(end)]);
    }
    at = end;
  }
  return attributes;
}

/** The next hop of a route in a dump: NEXT_HOP, or that of MP_REACH_NLRI. */
export function dumpedNextHop({ nextHop, mpReach }: PathAttributes) {
  return nextHop ?? (mpReach && mpReach.family !== 'other' ? mpReach.nextHops[0] : undefined);
}
