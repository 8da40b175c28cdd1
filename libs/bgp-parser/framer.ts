import type { DecodeContext } from './context.ts';
import type { SessionReset } from './errors.ts';
import { headerLength } from './iana.ts';
import { checkHeader } from './message.ts';

/** Cuts a byte stream into messages, whatever the segments of TCP. */
export interface Framer {
  push(chunk: Uint8Array): void;
  /** The next whole message, undefined when more bytes are needed, or the header's error (after it nothing is read). */
  next(context: DecodeContext): Uint8Array | SessionReset | undefined;
  /** As `next` without a view: the message's length, which begins at `start` in `bytes` until the next call. */
  take(context: DecodeContext): number | SessionReset | undefined;
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Octets that it keeps: those of the chunk that was read last, and those that wait. */
  readonly kept: number;
}

/** A framer for one connection. The messages are views of the chunks that were pushed, which nobody may change. */
export function createFramer(): Framer {
  let buffer: Uint8Array = new Uint8Array(0);
  let at = 0;
  let start = 0;
  const waiting: Uint8Array[] = [];
  let waitingLength = 0;

  /** Joins what waits, once and only when a message needs it: a message in a thousand segments is copied once. */
  const join = () => {
    if (waiting.length === 0) return;
    const rest = buffer.length - at;
    if (rest === 0 && waiting.length === 1) {
      buffer = waiting[0];
    } else {
      const joined = new Uint8Array(rest + waitingLength);
      joined.set(buffer.subarray(at));
      let offset = rest;
      for (const chunk of waiting) {
        joined.set(chunk, offset);
        offset += chunk.length;
      }
      buffer = joined;
    }
    at = 0;
    waiting.length = 0;
    waitingLength = 0;
  };

  const take = (context: DecodeContext) => {
    if (buffer.length - at < headerLength) {
      if (buffer.length - at + waitingLength < headerLength) return undefined;
      join();
    }
    const length = checkHeader(buffer, at, context);
    if (typeof length !== 'number') return length;
    if (buffer.length - at < length) {
      if (buffer.length - at + waitingLength < length) return undefined;
      join();
    }
    start = at;
    at += length;
    return length;
  };

  return {
    push(chunk) {
      if (chunk.length === 0) return;
      waiting.push(chunk);
      waitingLength += chunk.length;
    },
    take,
    next(context) {
      const length = take(context);
      return typeof length === 'number' ? buffer.subarray(start, start + length) : length;
    },
    get bytes() {
      return buffer;
    },
    get start() {
      return start;
    },
    get kept() {
      return buffer.length + waitingLength;
    },
  };
}
