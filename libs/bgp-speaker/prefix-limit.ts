import { familyNumbers, type RouteFamily } from 'bgp-parser';
import type { PrefixLimit } from './config.ts';
import type { Peer } from './peer.ts';
import { families } from './propagation.ts';
import type { Ribs } from './update-in.ts';

type Log = (message: string, fields: Readonly<Record<string, unknown>>) => void;

/** Warns of a peer that nears its prefix limit, once a session, and ends the session of one that exceeds it. */
export class PrefixLimits {
  readonly #ribs: Ribs;
  readonly #log: Log;
  /** Families whose limit was near in the session of a peer. */
  readonly #warned = new Map<Peer, Set<RouteFamily>>();

  constructor(ribs: Ribs, log: Log) {
    this.#ribs = ribs;
    this.#log = log;
  }

  /** A new session begins, or the last one is over. */
  forget(peer: Peer): void {
    this.#warned.delete(peer);
  }

  check(peer: Peer): void {
    const limit = peer.config.prefixLimit;
    if (!limit) return;
    for (const family of families) {
      const { prefixes } = this.#ribs.families[family].counts(peer.number);
      if (prefixes > limit.maximum) {
        const { maximum, restartSeconds } = limit;
        this.#log('prefix limit exceeded', { peer: peer.config.name, family, maximum, restartSeconds });
        const reason = `announces more than ${maximum} ${family} prefixes`;
        peer.exceedLimit(reason, exceeded(family, maximum), restartSeconds);
        return;
      }
      this.#warn(peer, family, prefixes, limit);
    }
  }

  #warn(peer: Peer, family: RouteFamily, prefixes: number, { maximum, warnPercent }: PrefixLimit): void {
    if (warnPercent === undefined || prefixes * 100 < maximum * warnPercent) return;
    const warned = this.#warned.get(peer) ?? new Set();
    if (warned.has(family)) return;
    this.#warned.set(peer, warned.add(family));
    this.#log('prefix limit is near', { peer: peer.config.name, family, prefixes, maximum });
  }
}

/** The data of the Cease: which family, and how many (RFC 4486 section 4). */
function exceeded(family: RouteFamily, maximum: number): Uint8Array {
  const { afi, safi } = familyNumbers(family);
  const limit = [maximum >>> 24, maximum >>> 16, maximum >>> 8, maximum].map((octet) => octet & 255);
  return Uint8Array.of(afi >> 8, afi & 255, safi, ...limit);
}
