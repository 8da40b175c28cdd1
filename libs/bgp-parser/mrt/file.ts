import { concat, u16, u32 } from '../bytes.ts';
import { decodeBgp4mp, encodeBgp4mp } from './bgp4mp.ts';
import { Cursor, CutOff } from './cursor.ts';
import { type MrtRecord, mrtTypes } from './record.ts';
import { decodeTableDump, encodeTableDump } from './table-dump.ts';

/** A record, or what is wrong with it; `end` is where the next one begins. */
export type ReadRecord = { readonly end: number } & (
  | { readonly ok: true; readonly record: MrtRecord }
  | { readonly ok: false; readonly message: string }
);

const headerLength = 12;

/**
 * Reads the record that begins at `at` (RFC 6396 section 2). One whose inside is wrong says so, and the next can be read;
 * after one that is cut off nothing can: its `end` is that of the file.
 */
function readMrtRecord(bytes: Uint8Array, at: number): ReadRecord {
  const cutOff = (message: string): ReadRecord => ({ ok: false, message, end: bytes.length });
  if (bytes.length - at < headerLength) return cutOff(`${bytes.length - at} octets are no header of a record`);
  const header = new Cursor(bytes, at);
  const seconds = header.u32();
  const code = header.u16();
  const subtype = header.u16();
  const length = header.u32();
  const start = at + headerLength;
  const end = start + length;
  if (end > bytes.length) return cutOff(`a record of ${length} octets is cut off after ${bytes.length - start}`);
  const body = new Cursor(bytes.subarray(start, end));
  try {
    const extended = code === mrtTypes.bgp4mpExtended;
    const time = extended ? { seconds, microseconds: body.u32() } : { seconds };
    const decoded =
      extended || code === mrtTypes.bgp4mp
        ? decodeBgp4mp(subtype, body)
        : code === mrtTypes.tableDumpV2
          ? decodeTableDump(subtype, body)
          : undefined;
    if (!decoded) {
      const rest = bytes.slice(start + body.at, end);
      return { ok: true, end, record: { ...time, type: 'other', code, subtype, body: rest } };
    }
    if (!decoded.ok) return { ...decoded, end };
    if (body.left > 0) return { ok: false, message: `${body.left} octets are left in a record`, end };
    return { ok: true, end, record: { ...time, ...decoded.value } };
  } catch (error) {
    if (error instanceof CutOff) return { ok: false, message: `record type ${code}/${subtype}: ${error.message}`, end };
    throw error;
  }
}

/** All records of a file, in order, those with something wrong among them. */
export function* readMrt(bytes: Uint8Array): Generator<ReadRecord> {
  for (let at = 0; at < bytes.length; ) {
    const read = readMrtRecord(bytes, at);
    yield read;
    at = read.end;
  }
}

/** The record with its header. */
export function encodeMrtRecord(record: MrtRecord): Uint8Array {
  const extended = record.microseconds !== undefined;
  const time = extended ? u32(record.microseconds ?? 0) : new Uint8Array(0);
  const framed = (code: number, { subtype, body }: { subtype: number; body: Uint8Array }) =>
    concat([u32(record.seconds), u16(code), u16(subtype), u32(time.length + body.length), time, body]);
  switch (record.type) {
    case 'peerIndexTable':
    case 'rib':
      return framed(mrtTypes.tableDumpV2, encodeTableDump(record));
    case 'message':
    case 'stateChange':
      return framed(extended ? mrtTypes.bgp4mpExtended : mrtTypes.bgp4mp, encodeBgp4mp(record));
    case 'other':
      return framed(record.code, record);
  }
}
