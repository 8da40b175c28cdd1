import { headerLength, messageTypes } from 'bgp-parser';
import type { PrefixIndex } from './rib/prefix-index.ts';

const slabLength = 1 << 17;
/** The longest NLRI of an IPv4 prefix. */
const longestPrefix = 5;
/** The octets of the two length fields of an UPDATE. */
const lengthFields = 4;

/**
 * Messages for one peer, one behind the other in large buffers, so that thousands of UPDATEs are one write. A buffer
 * that was written from belongs to the connection; what is left of it takes the next messages.
 */
export class MessageSlab {
  readonly #write: (bytes: Uint8Array) => void;
  #bytes = new Uint8Array(0);
  #sent = 0;
  #end = 0;
  /** Where the UPDATE begins that takes prefixes; −1 when there is none. */
  #open = -1;
  #limit = 0;
  #attributesLength = 0;
  /** Attributes of the open UPDATE, for the next one when it is full; absent when prefixes are withdrawn. */
  #attributes: Uint8Array | undefined;
  /** What was handed to the connection since `record`. */
  #recorded: Uint8Array[] | undefined;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** What it occupies. */
  get bytes(): number {
    return this.#bytes.byteLength;
  }

  /** Begins IPv4 UPDATEs of at most `limit` octets that announce prefixes with these attributes. */
  beginAnnouncing(attributes: Uint8Array, length: number, limit: number): void {
    this.#begin(attributes, length, limit);
  }

  /** Begins IPv4 UPDATEs that withdraw prefixes. */
  beginWithdrawing(limit: number): void {
    this.#begin(undefined, 0, limit);
  }

  /** Adds a prefix to what was begun. */
  add(prefixes: PrefixIndex, route: number): void {
    if (this.#open < 0) this.#openUpdate();
    else if (this.#end - this.#open + longestPrefix + this.#trailer > this.#limit) {
      this.#close();
      this.#openUpdate();
    }
    this.#end = prefixes.write(route, this.#bytes, this.#end);
  }

  /** Ends what was begun. */
  end(): void {
    this.#close();
  }

  /** A whole message. */
  push(message: Uint8Array): void {
    this.#reserve(message.length);
    this.#bytes.set(message, this.#end);
    this.#end += message.length;
  }

  /** Hands what has gathered to the connection. */
  flush(): void {
    if (this.#end === this.#sent) return;
    const bytes = this.#bytes.subarray(this.#sent, this.#end);
    this.#sent = this.#end;
    this.#recorded?.push(bytes);
    this.#write(bytes);
  }

  /** From now on what is handed to the connection is remembered. */
  record(): void {
    this.flush();
    this.#recorded = [];
  }

  /** What was handed over since `record`, with what has gathered: nobody writes to it any more. */
  recorded(): readonly Uint8Array[] {
    this.flush();
    const recorded = this.#recorded ?? [];
    this.#recorded = undefined;
    return recorded;
  }

  /** Hands over messages that another peer was sent. */
  pass(messages: readonly Uint8Array[]): void {
    this.flush();
    for (const bytes of messages) this.#write(bytes);
  }

  /** What follows the prefixes: the length of no attributes, when they are withdrawn. */
  get #trailer(): number {
    return this.#attributes ? 0 : 2;
  }

  #begin(attributes: Uint8Array | undefined, length: number, limit: number): void {
    this.#attributes = attributes;
    this.#attributesLength = length;
    this.#limit = limit;
  }

  #openUpdate(): void {
    this.#reserve(this.#limit);
    const bytes = this.#bytes;
    this.#open = this.#end;
    bytes.fill(0xff, this.#open, this.#open + 16);
    bytes[this.#open + 18] = messageTypes.update;
    let at = this.#open + headerLength;
    at = this.#u16(at, 0);
    if (this.#attributes) {
      at = this.#u16(at, this.#attributesLength);
      for (let i = 0; i < this.#attributesLength; i++) bytes[at + i] = this.#attributes[i];
      at += this.#attributesLength;
    }
    this.#end = at;
  }

  #close(): void {
    if (this.#open < 0) return;
    if (!this.#attributes) {
      this.#u16(this.#open + headerLength, this.#end - this.#open - headerLength - 2);
      this.#end = this.#u16(this.#end, 0);
    }
    this.#u16(this.#open + 16, this.#end - this.#open);
    this.#open = -1;
  }

  #u16(at: number, value: number): number {
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return at + 2;
  }

  #reserve(length: number): void {
    if (this.#end + length <= this.#bytes.length) return;
    this.flush();
    this.#bytes = new Uint8Array(slabLength);
    this.#sent = 0;
    this.#end = 0;
  }
}

/** Whether an UPDATE with attributes of this length has room for a prefix. */
export function hasRoom(attributesLength: number, limit: number): boolean {
  return headerLength + lengthFields + attributesLength + longestPrefix <= limit;
}
