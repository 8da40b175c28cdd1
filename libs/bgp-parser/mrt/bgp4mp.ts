import { addressFromBytes } from '@caracal/net';
import { concat, u16, u32 } from '../bytes.ts';
import { afi } from '../iana.ts';
import type { Cursor } from './cursor.ts';
import type { DecodedBody, MrtRecord } from './record.ts';

/** Subtypes of BGP4MP: what each says of its record (RFC 6396 section 4.4, RFC 8050 section 4). */
const messageSubtypes: Readonly<Record<number, { fourOctetAs: boolean; local: boolean; addPath: boolean }>> = {
  1: { fourOctetAs: false, local: false, addPath: false },
  4: { fourOctetAs: true, local: false, addPath: false },
  6: { fourOctetAs: false, local: true, addPath: false },
  7: { fourOctetAs: true, local: true, addPath: false },
  8: { fourOctetAs: false, local: false, addPath: true },
  9: { fourOctetAs: true, local: false, addPath: true },
  10: { fourOctetAs: false, local: true, addPath: true },
  11: { fourOctetAs: true, local: true, addPath: true },
};
const stateChange = 0;
const stateChangeAs4 = 5;

type Message = Extract<MrtRecord, { type: 'message' }>;
type StateChange = Extract<MrtRecord, { type: 'stateChange' }>;

/** The body of a BGP4MP record; undefined for a subtype that is none of these. */
export function decodeBgp4mp(subtype: number, body: Cursor): DecodedBody | undefined {
  const message = messageSubtypes[subtype];
  if (!message && subtype !== stateChange && subtype !== stateChangeAs4) return undefined;
  const fourOctetAs = message ? message.fourOctetAs : subtype === stateChangeAs4;
  const asNumber = () => (fourOctetAs ? body.u32() : body.u16());
  const [peerAs, localAs] = [asNumber(), asNumber()];
  const interfaceIndex = body.u16();
  const family = body.u16();
  if (family !== afi.ipv4 && family !== afi.ipv6) return { ok: false, message: `address family ${family} is unknown` };
  const address = () => addressFromBytes(body.take(family === afi.ipv4 ? 4 : 16).slice());
  const [peerAddress, localAddress] = [address(), address()];
  const session = { peerAs, localAs, interfaceIndex, peerAddress, localAddress, fourOctetAs };
  if (!message) {
    return { ok: true, value: { type: 'stateChange', ...session, oldState: body.u16(), newState: body.u16() } };
  }
  const { local, addPath } = message;
  return { ok: true, value: { type: 'message', ...session, local, addPath, message: body.take(body.left).slice() } };
}

/** The subtype and body of a record. */
export function encodeBgp4mp(record: Message | StateChange): { subtype: number; body: Uint8Array } {
  const asNumber = record.fourOctetAs ? u32 : u16;
  const session = [
    asNumber(record.peerAs),
    asNumber(record.localAs),
    u16(record.interfaceIndex),
    u16(record.peerAddress.family === 4 ? afi.ipv4 : afi.ipv6),
    record.peerAddress.bytes,
    record.localAddress.bytes,
  ];
  if (record.type === 'stateChange') {
    const subtype = record.fourOctetAs ? stateChangeAs4 : stateChange;
    return { subtype, body: concat([...session, u16(record.oldState), u16(record.newState)]) };
  }
  const { fourOctetAs, local, addPath } = record;
  const found = Object.entries(messageSubtypes).find(
    ([, row]) => row.fourOctetAs === fourOctetAs && row.local === local && row.addPath === addPath,
  );
  return { subtype: Number(found?.[0]), body: concat([...session, record.message]) };
}
