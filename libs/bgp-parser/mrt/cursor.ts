import { readU16, readU32 } from '../bytes.ts';

/** The octets that a reader wanted are not there. */
export class CutOff extends Error {}

/** Reads fields one after the other; what goes past the end throws {@link CutOff}, which the reader of a record catches. */
export class Cursor {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  u8(): number {
    return this.take(1)[0];
  }

  u16(): number {
    return readU16(this.take(2), 0);
  }

  u32(): number {
    return readU32(this.take(4), 0);
  }

  /** A view of the next octets. */
  take(octets: number): Uint8Array {
    if (octets > this.left) throw new CutOff(`${octets} octets wanted, ${this.left} left`);
    this.at += octets;
    return this.bytes.subarray(this.at - octets, this.at);
  }
}
