import { NLA_TYPE_MASK } from './constants.ts';
import { layout } from './layout.ts';

const attribute = layout.nlattr;

/**
 * A received netlink message, read in place. It is valid only inside the callback that got it: the buffer is reused by
 * the next receive, so bytes that are kept must be copied.
 */
export interface Message {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Offset of the part after the header. */
  readonly start: number;
  /** Offset of the first byte after the message. */
  readonly end: number;
}

/** Calls `visit` with type, offset and size of each attribute between the offsets. */
export function forEachAttribute(
  view: DataView,
  start: number,
  end: number,
  visit: (type: number, offset: number, size: number) => void,
): void {
  let at = start;
  while (at + attribute.size <= end) {
    const length = view.getUint16(at + attribute.nla_len, true);
    if (length < attribute.size || at + length > end) return;
    const type = view.getUint16(at + attribute.nla_type, true) & NLA_TYPE_MASK;
    visit(type, at + attribute.size, length - attribute.size);
    at += (length + 3) & ~3;
  }
}

/** A string that may end in NULs. */
export function readString(bytes: Uint8Array, offset: number, size: number): string {
  let end = offset;
  while (end < offset + size && bytes[end] !== 0) end++;
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, end - offset).toString('utf8');
}
