/** The bits of the packet mark that the chains use, each a single bit of the configured mask. */
export interface Marks {
  /** The direction's policies allow the packet. */
  readonly accept: number;
  /** A rule passed the packet on to the next tier. */
  readonly pass: number;
  /** So far the rule in evaluation matches. */
  readonly match: number;
  /** One of the alternatives of the condition in evaluation matches. */
  readonly any: number;
}

/**
 * The lowest four bits of the mask, which is for us alone: other programs must leave these bits of the mark be. Throws
 * RangeError when the mask has fewer.
 */
export function marksOf(mask: number): Marks {
  const bits: number[] = [];
  for (let bit = 0; bit < 32 && bits.length < 4; bit++) {
    const value = (1 << bit) >>> 0;
    if ((mask & value) !== 0) bits.push(value);
  }
  if (bits.length < 4) throw new RangeError(`mark mask ${hex(mask)}: at least four bits are needed`);
  const [accept, pass, match, any] = bits;
  return { accept, pass, match, any };
}

/** As iptables prints marks. */
export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

/** The match for a bit that is set. */
export function isSet(bit: number): string {
  return `-m mark --mark ${hex(bit)}/${hex(bit)}`;
}

/** The match for a bit that is not set. */
export function isClear(bit: number): string {
  return `-m mark --mark 0x0/${hex(bit)}`;
}
