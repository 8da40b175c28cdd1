/**
 * A column of texts as bytes (hub.proto, PackedPods): names, UUIDs and container ids one after the other, the latter two at half of what
 * their text takes. Nothing is allocated a text but the text itself.
 */

const forms = { utf8: 0, hex: 1, uuid: 2 } as const;
const hexDigits = /^(?:[0-9a-f]{2})+$/;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A buffer that grows. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  word(text: string): void {
    if (text.length === 36 && uuid.test(text)) this.#word(text.replaceAll('-', ''), 16, forms.uuid, 'hex');
    else if (hexDigits.test(text)) this.#word(text, text.length / 2, forms.hex, 'hex');
    else this.#word(text, Buffer.byteLength(text), forms.utf8, 'utf8');
  }

  /** A copy of what was written; the writer is empty afterwards. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  #word(text: string, length: number, form: number, encoding: 'hex' | 'utf8'): void {
    this.#reserve(length + 5);
    let rest = length * 4 + form;
    for (; rest > 127; rest >>>= 7) this.#bytes[this.#length++] = (rest & 127) | 128;
    this.#bytes[this.#length++] = rest;
    this.#length += this.#bytes.write(text, this.#length, length, encoding);
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Reads a column from its beginning; throws RangeError where it ends early or makes no sense. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#advance(1)];
  }

  /** A copy, so that the column can be let go. */
  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return new Uint8Array(this.#bytes.subarray(start, start + length));
  }

  /** Passes over a word, having seen that it could be read. */
  skipWord(): void {
    const { form, start } = this.#wordHead();
    if (form === 3 || (form === forms.uuid && this.#at - start !== 16))
      throw new RangeError('a packed text has no form');
  }

  word(): string {
    const { form, start } = this.#wordHead();
    if (form === forms.utf8) return this.#bytes.toString('utf8', start, this.#at);
    const hex = this.#bytes.toString('hex', start, this.#at);
    if (form === forms.hex) return hex;
    if (form !== forms.uuid || hex.length !== 32) throw new RangeError(`a packed text has no form ${form}`);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** The form of a word and where its bytes begin; they end where the reader stands now. */
  #wordHead(): { form: number; start: number } {
    let head = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 21) throw new RangeError('a packed text is longer than 64 KiB');
      const byte = this.byte();
      head |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    return { form: head & 3, start: this.#advance(head >>> 2) };
  }

  skip(length: number): void {
    this.#advance(length);
  }

  #advance(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw new RangeError('a packed column ends early');
    this.#at += length;
    return start;
  }
}
