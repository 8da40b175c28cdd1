/** Fewer than this many vanish in the ordinary course of things, whatever part of a kind they are. */
const alwaysFine = 50;
const suspiciousShare = 0.1;

/**
 * Whether so many of one kind vanishing at once, by their absence from a list, looks more like a fault (another cluster's API server, a restored
 * etcd) than like somebody's wish.
 */
export function isMassDelete(stored: number, vanishing: number): boolean {
  return vanishing > alwaysFine && vanishing > suspiciousShare * stored;
}
