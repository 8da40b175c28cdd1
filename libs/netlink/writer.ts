import { type Address, formatAddress } from '@caracal/net';
import { AF_INET, AF_INET6, NLA_F_NESTED } from './constants.ts';
import { layout } from './layout.ts';

const header = layout.nlmsghdr;
const attribute = layout.nlattr;
const text = new TextEncoder();

/** Builds netlink messages one after another in one buffer, which is reused from send to send. */
export class MessageWriter {
  readonly bytes = new Uint8Array(128 * 1024);
  readonly #view = new DataView(this.bytes.buffer);
  /** How many bytes have been written since `reset`. */
  length = 0;
  #message = 0;

  reset(): void {
    this.length = 0;
  }

  /**
   * Starts a message whose fixed part, after the header, has `fixedSize` bytes (all zero until set), and returns the
   * offset of that fixed part.
   */
  begin(type: number, flags: number, fixedSize: number): number {
    this.#message = this.length;
    const fixed = this.#reserve(header.size + fixedSize) + header.size;
    this.#view.setUint16(this.#message + header.nlmsg_type, type, true);
    this.#view.setUint16(this.#message + header.nlmsg_flags, flags, true);
    return fixed;
  }

  /** Ends the message that `begin` started and gives it its sequence number. */
  end(sequence: number): void {
    this.#view.setUint32(this.#message + header.nlmsg_len, this.length - this.#message, true);
    this.#view.setUint32(this.#message + header.nlmsg_seq, sequence, true);
  }

  /** Adds flags to the message that was ended last. */
  addFlags(flags: number): void {
    const offset = this.#message + header.nlmsg_flags;
    this.#view.setUint16(offset, this.#view.getUint16(offset, true) | flags, true);
  }

  setUint8(offset: number, value: number): void {
    this.bytes[offset] = value;
  }

  setUint16(offset: number, value: number): void {
    this.#view.setUint16(offset, value, true);
  }

  setUint32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true);
  }

  /** Reserves `size` zeroed bytes, rounded up to the alignment of 4, and returns their offset. */
  reserve(size: number): number {
    return this.#reserve(size);
  }

  attributeBytes(type: number, value: Uint8Array): void {
    const offset = this.#attribute(type, value.length);
    this.bytes.set(value, offset);
  }

  attributeUint8(type: number, value: number): void {
    this.bytes[this.#attribute(type, 1)] = value;
  }

  attributeUint32(type: number, value: number): void {
    this.#view.setUint32(this.#attribute(type, 4), value, true);
  }

  /** A NUL-terminated string. */
  attributeString(type: number, value: string): void {
    const encoded = text.encode(value);
    this.bytes.set(encoded, this.#attribute(type, encoded.length + 1));
  }

  /** Starts an attribute that holds others; pass the result to `endNested`. */
  beginNested(type: number): number {
    const start = this.#reserve(attribute.size);
    this.#view.setUint16(start + attribute.nla_type, type, true);
    return start;
  }

  endNested(start: number, flag: typeof NLA_F_NESTED | 0 = NLA_F_NESTED): void {
    this.#view.setUint16(start + attribute.nla_len, this.length - start, true);
    if (flag) {
      const offset = start + attribute.nla_type;
      this.#view.setUint16(offset, this.#view.getUint16(offset, true) | flag, true);
    }
  }

  #attribute(type: number, size: number): number {
    const start = this.#reserve(attribute.size + size);
    this.#view.setUint16(start + attribute.nla_len, attribute.size + size, true);
    this.#view.setUint16(start + attribute.nla_type, type, true);
    return start + attribute.size;
  }

  #reserve(size: number): number {
    const start = this.length;
    const end = start + ((size + 3) & ~3);
    if (end > this.bytes.length) throw new RangeError('a batch of netlink messages outgrew its buffer');
    this.bytes.fill(0, start, end);
    this.length = end;
    return start;
  }
}

/** AF_INET or AF_INET6 of an address. */
export function addressFamily(address: Address): number {
  return address.family === 4 ? AF_INET : AF_INET6;
}

/** The six bytes of a MAC address in its colon form; throws RangeError on anything else. */
export function parseMac(mac: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac))
    throw new RangeError(`"${mac}" is no MAC address like 02:00:5e:00:00:01`);
  return Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));
}

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** An address with its prefix length, as messages show it. */
export function formatWithLength(address: Address, length: number): string {
  return `${formatAddress(address)}/${length}`;
}
