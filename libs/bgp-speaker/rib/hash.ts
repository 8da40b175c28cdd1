/**
 * FNV-1a from a start of the process' own, with a final mix so that the low bits, which choose a slot, depend on all of it.
 * Peers choose what is hashed: with a start that they know, they could send a table of what falls into one slot.
 */
export function hashBytes(start: number, bytes: Uint8Array, from: number, to: number): number {
  let hash = start;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/** The start of this process' tables. */
export const hashStart = Math.floor(Math.random() * 0x1_0000_0000) | 0;
