import { concat, readU16, u16 } from '../bytes.ts';
import type { DecodeContext } from '../context.ts';
import { type AttributeFault, attributeDiscard, type SessionReset, sessionReset, treatAsWithdraw } from '../errors.ts';
import { attributeCodes, attributeFlags, errorCodes, updateErrors } from '../iana.ts';
import { mergeAs4, splitAs4 } from './as-path.ts';
import { attributeRow, encodingOrder } from './table.ts';
import type { PathAttributes, UnknownAttribute } from './value.ts';

const { optional, transitive, partial, extendedLength } = attributeFlags;
/** The others have no meaning: ignored when received, and never sent (RFC 4271 section 4.3). */
const knownFlags = optional | transitive | partial;
const multiprotocolCodes: readonly number[] = [attributeCodes.mpReach, attributeCodes.mpUnreach];

export interface AttributeList {
  readonly attributes: PathAttributes;
  /** The codes that were there, malformed ones included. */
  readonly seen: ReadonlySet<number>;
  readonly faults: readonly AttributeFault[];
}

/** Decodes the path attributes field of an UPDATE; errors as RFC 7606 sections 3, 4 and 7 grade them. */
export function decodeAttributes(bytes: Uint8Array, context: DecodeContext): AttributeList | SessionReset {
  const values: Record<string, unknown> = {};
  const unknown: UnknownAttribute[] = [];
  const partialCodes: number[] = [];
  const faults: AttributeFault[] = [];
  const seen = new Set<number>();
  let at = 0;
  while (at < bytes.length) {
    const header = bytes.length - at >= 3 && (bytes[at] & extendedLength) !== 0 ? 4 : 3;
    if (bytes.length - at < header) {
      faults.push(treatAsWithdraw(0, `${bytes.length - at} octets are left after the last attribute`));
      break;
    }
    const flags = bytes[at];
    const code = bytes[at + 1];
    const start = at + header;
    const end = start + (header === 4 ? readU16(bytes, at + 2) : bytes[at + 2]);
    const raw = bytes.subarray(at, end);
    at = end;
    if (end > bytes.length) {
      // RFC 7606 section 4; the routes of a cut-off MP attribute cannot be told (section 5.3).
      if (multiprotocolCodes.includes(code)) return optionalError(code, 'it reaches past the attributes', raw);
      seen.add(code);
      faults.push(treatAsWithdraw(code, `${nameOf(code)} reaches past the attributes`));
      break;
    }
    if (seen.has(code)) {
      // RFC 7606 section 3 g
      if (multiprotocolCodes.includes(code)) {
        return sessionReset(errorCodes.update, updateErrors.malformedAttributeList, `${nameOf(code)} appears twice`);
      }
      faults.push(attributeDiscard(code, `${nameOf(code)} appears again`));
      continue;
    }
    seen.add(code);
    const row = attributeRow(code);
    if (!row) {
      if ((flags & optional) === 0) {
        return sessionReset(
          errorCodes.update,
          updateErrors.unrecognizedWellKnownAttribute,
          `attribute ${code} is well-known by its flags, but unknown`,
          raw.slice(),
        );
      }
      if (flags & transitive) unknown.push({ code, flags: flags & knownFlags, value: bytes.slice(start, end) });
      continue;
    }
    if (row.internalOnly && context.external) {
      faults.push(attributeDiscard(code, `${nameOf(code)} from an external peer`));
      continue;
    }
    const as4 = code === attributeCodes.as4Path || code === attributeCodes.as4Aggregator;
    if (as4 && context.fourOctetAs) {
      faults.push(attributeDiscard(code, `${nameOf(code)} from a four-octet AS peer`));
      continue;
    }
    const decoded = row.decode(bytes.subarray(start, end), context);
    if (!decoded.ok) {
      if (decoded.reset) return { ...optionalError(code, decoded.message, raw), family: decoded.family };
      faults.push({ kind: row.fault, attribute: code, message: `${nameOf(code)}: ${decoded.message}` });
      continue;
    }
    if ((flags & (optional | transitive)) !== row.flags && !context.anyFlags) {
      // RFC 7606 section 3 c, also for those that are left out when their value is malformed.
      faults.push(treatAsWithdraw(code, `${nameOf(code)} has flags 0x${flags.toString(16)}`));
      // The routes of an MP attribute are needed even so: they are to be withdrawn.
      if (!multiprotocolCodes.includes(code)) continue;
    }
    values[row.name] = decoded.value;
    if (flags & partial && row.flags === (optional | transitive)) partialCodes.push(code);
  }
  if (unknown.length > 0) values.unknown = unknown.sort((a, b) => a.code - b.code);
  if (partialCodes.length > 0) values.partial = partialCodes.sort((a, b) => a - b);
  // Every value was made by the row of its name, whose decoder has that field's type.
  const attributes = values as PathAttributes;
  return { attributes: context.fourOctetAs ? attributes : mergeAs4(attributes), seen, faults };
}

/** RFC 4760 section 7: the attribute as the NOTIFICATION's data. */
function optionalError(code: number, message: string, raw: Uint8Array): SessionReset {
  const text = `${nameOf(code)}: ${message}`;
  return sessionReset(errorCodes.update, updateErrors.optionalAttribute, text, raw.slice());
}

function nameOf(code: number): string {
  return attributeRow(code)?.name ?? `attribute ${code}`;
}

/** The path attributes field: multiprotocol attributes first (RFC 7606 section 5.1), then in order of their codes. */
export function encodeAttributes(attributes: PathAttributes, context: DecodeContext): Uint8Array {
  const source = context.fourOctetAs ? attributes : splitAs4(attributes);
  const parts: { code: number; bytes: Uint8Array }[] = [];
  let multiprotocol = 0;
  for (const row of encodingOrder) {
    const value = source[row.name];
    if (value === undefined) continue;
    const flags = row.flags | (source.partial?.includes(row.code) ? partial : 0);
    // The row of a name encodes the field of that name; the compiler sees the union of all fields.
    const bytes = (row.encode as (value: unknown, context: DecodeContext) => Uint8Array)(value, context);
    parts.push({ code: row.code, bytes: encodeAttribute(flags, row.code, bytes) });
    if (multiprotocolCodes.includes(row.code)) multiprotocol++;
  }
  for (const { code, flags, value } of source.unknown ?? []) {
    let place = parts.length;
    while (place > multiprotocol && parts[place - 1].code > code) place--;
    parts.splice(place, 0, { code, bytes: encodeAttribute(flags, code, value) });
  }
  return concat(parts.map((part) => part.bytes));
}

/** One attribute with its header; the length takes two octets when one does not hold it. */
export function encodeAttribute(flags: number, code: number, value: Uint8Array): Uint8Array {
  return value.length > 255
    ? concat([Uint8Array.of(flags | extendedLength, code), u16(value.length), value])
    : concat([Uint8Array.of(flags, code, value.length), value]);
}

/** Name and text of every attribute present, for people. */
export function formatAttributes(attributes: PathAttributes): { name: string; text: string }[] {
  const list: { name: string; text: string }[] = [];
  for (const row of encodingOrder) {
    const value = attributes[row.name];
    // As in encodeAttributes: a row formats the field of its own name.
    if (value !== undefined) list.push({ name: row.name, text: (row.format as (value: unknown) => string)(value) });
  }
  for (const { code, value } of attributes.unknown ?? []) {
    list.push({ name: `attribute${code}`, text: `${value.length} octets` });
  }
  return list;
}
