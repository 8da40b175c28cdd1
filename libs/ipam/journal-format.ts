import { crc32 } from 'node:zlib';
import { z } from 'zod';

/**
 * The records of a node's journal, one a line: eight hexadecimal digits of CRC-32 over the JSON text, a space, the
 * JSON text. A line is whole when its newline is there and its checksum agrees.
 */
const record = z.discriminatedUnion('type', [
  /** First line: whose journal this is. The incarnation tells two machines of one name apart. */
  z.strictObject({ type: z.literal('node'), node: z.string(), incarnation: z.uuid() }),
  z.strictObject({ type: z.literal('block'), cidr: z.string(), pool: z.string() }),
  z.strictObject({ type: z.literal('unblock'), cidr: z.string() }),
  /** An address tied to a handle; `endpoint` is what the agent needs to know again after a restart. */
  z.strictObject({
    type: z.literal('assign'),
    handle: z.string(),
    addresses: z.array(z.string()).readonly(),
    endpoint: z.record(z.string(), z.unknown()).readonly(),
  }),
  /** `atMs` is this machine's clock, and is compared with this machine's clock alone. */
  z.strictObject({ type: z.literal('release'), handle: z.string(), atMs: z.number() }),
]);

export type JournalRecord = z.infer<typeof record>;

/**
 * A file that was written anew begins so, and is by that no beginning of another one: what it holds may be what an older file began with, and
 * then that would look as if it had grown since.
 */
const edition = z.strictObject({ type: z.literal('edition'), id: z.uuid() });

const line = z.discriminatedUnion('type', [record, edition]);

export type ParsedJournal =
  | { readonly ok: true; readonly records: JournalRecord[]; readonly wholeBytes: number; readonly torn: boolean }
  | { readonly ok: false; readonly line: number; readonly message: string };

export function encodeRecord(value: JournalRecord): string {
  return encodeLine(value);
}

export function encodeEdition(id: string): string {
  return encodeLine({ type: 'edition', id });
}

function encodeLine(value: z.infer<typeof line>): string {
  const json = JSON.stringify(value);
  return `${checksum(json)} ${json}\n`;
}

/**
 * Reads a journal's text. A damaged last line is what a crash in the middle of an append leaves: it was never
 * acknowledged, so it is cut off (`torn`). A damaged line before others is damage that nobody may guess away.
 */
export function parseJournal(text: string): ParsedJournal {
  const records: JournalRecord[] = [];
  let position = 0;
  for (let number = 1; position < text.length; number++) {
    const end = text.indexOf('\n', position);
    const parsed = end < 0 ? undefined : parseLine(text.slice(position, end));
    if (!parsed) {
      const last = end < 0 || end === text.length - 1;
      const wholeBytes = Buffer.byteLength(text.slice(0, position));
      if (last) return { ok: true, records, wholeBytes, torn: true };
      return {
        ok: false,
        line: number,
        message: `line ${number} does not agree with its checksum, and whole lines follow it`,
      };
    }
    if (parsed.type !== 'edition') records.push(parsed);
    position = end + 1;
  }
  return { ok: true, records, wholeBytes: Buffer.byteLength(text), torn: false };
}

function parseLine(text: string): z.infer<typeof line> | undefined {
  const json = text.slice(9);
  if (text[8] !== ' ' || text.slice(0, 8) !== checksum(json)) return undefined;
  try {
    return line.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
