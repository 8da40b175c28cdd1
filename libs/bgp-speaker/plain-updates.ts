import { ipv4FromNumber } from '@caracal/net';
import { headerLength, readU16 } from 'bgp-parser';
import { type PolicyAction, policyOf } from './config.ts';
import type { Peer } from './peer.ts';
import { usable } from './policy/import.ts';
import { isMartian } from './policy/martians.ts';
import { excluded } from './rib/path-store.ts';
import { PlainAttributes, pathContains, plainBits, scanPlainAttributes } from './rib/plain-attributes.ts';
import type { Ribs } from './update-in.ts';

const needed = plainBits.origin | plainBits.asPath | plainBits.nextHop;

/**
 * The short way of an UPDATE into the Adj-RIB-In of one session: from its bytes to the tables, without objects. It takes
 * IPv4 routes with plain attributes and nothing wrong with them, which is nearly all of a full table; what it does not
 * take goes through the codec and `applyUpdate`, which would have done the same.
 */
export class PlainUpdates {
  readonly #ribs: Ribs;
  readonly #peer: Peer;
  readonly #possible: boolean;
  readonly #scanned = new PlainAttributes();
  readonly #address = new Uint8Array(4);
  /** The next hop that was judged last, and whether it can be used. */
  #nextHop = -1;
  #nextHopUsable = false;

  constructor(ribs: Ribs, peer: Peer) {
    this.#ribs = ribs;
    this.#peer = peer;
    const negotiated = peer.negotiated;
    this.#possible =
      negotiated?.context.fourOctetAs === true &&
      negotiated.families.includes('ipv4Unicast') &&
      !negotiated.context.addPath.includes('ipv4Unicast');
  }

  /** Applies the UPDATE in `bytes[start, end)` (header included, its length checked); false when it was not touched. */
  apply(bytes: Uint8Array, start: number, end: number): boolean {
    const policy = policyOf(this.#peer.config.importAction, 'ipv4Unicast');
    if (!this.#possible || typeof policy !== 'string') return false;
    const withdrawnStart = start + headerLength + 2;
    const withdrawnEnd = withdrawnStart + readU16(bytes, withdrawnStart - 2);
    const attributesStart = withdrawnEnd + 2;
    if (attributesStart > end) return false;
    const attributesEnd = attributesStart + readU16(bytes, withdrawnEnd);
    if (attributesEnd > end) return false;
    if (!isPrefixList(bytes, withdrawnStart, withdrawnEnd) || !isRouteList(bytes, attributesEnd, end)) return false;
    if (attributesEnd === end) {
      // Without routes it is End-of-RIB, or about other families, unless it only withdraws.
      if (attributesStart !== attributesEnd || withdrawnStart === withdrawnEnd) return false;
    } else if (!this.#take(bytes, attributesStart, attributesEnd)) return false;
    this.#withdraw(bytes, withdrawnStart, withdrawnEnd);
    if (attributesEnd < end) this.#announce(bytes, attributesStart, attributesEnd, end, policy);
    return true;
  }

  /** Whether the attributes are plain, complete, and of a path that the import policy alone has a say about. */
  #take(bytes: Uint8Array, start: number, end: number): boolean {
    const peer = this.#peer;
    const scanned = this.#scanned;
    if (!scanPlainAttributes(bytes, start, end, scanned) || (scanned.seen & needed) !== needed) return false;
    if (peer.external) {
      // RFC 4271 section 6.3, and RFC 7606 section 7.5: both are the codec's to complain about.
      if (scanned.neighborAs !== peer.asNumber || scanned.seen & plainBits.localPref) return false;
    }
    if (pathContains(bytes, scanned, peer.local.asNumber)) return false;
    if (this.#nextHop !== scanned.nextHop) {
      this.#nextHop = scanned.nextHop;
      this.#nextHopUsable = usable(ipv4FromNumber(scanned.nextHop), peer);
    }
    return this.#nextHopUsable;
  }

  #withdraw(bytes: Uint8Array, start: number, end: number): void {
    const rib = this.#ribs.families.ipv4Unicast;
    for (let at = start; at < end; ) {
      const length = bytes[at];
      at = this.#read(bytes, at);
      rib.withdrawRoute(this.#peer.number, rib.prefixes.findBytes(this.#address, length));
    }
  }

  #announce(bytes: Uint8Array, attributesStart: number, start: number, end: number, policy: PolicyAction): void {
    const rib = this.#ribs.families.ipv4Unicast;
    const { attributes } = this.#ribs;
    const exclusion = policy === 'Accept' ? 0 : excluded.byPolicy;
    // One use while the loop runs, and one for each path.
    const number = attributes.internPlain(bytes, attributesStart, start, this.#scanned);
    for (let at = start; at < end; ) {
      const length = bytes[at];
      at = this.#read(bytes, at);
      attributes.retain(number);
      rib.announceRoute(this.#peer.number, rib.prefixes.addBytes(this.#address, length), number, exclusion);
    }
    attributes.release(number);
  }

  /** Reads the prefix at `at` into `#address`, bits beyond its length cleared; returns where it ends. */
  #read(bytes: Uint8Array, at: number): number {
    const length = bytes[at];
    const octets = (length + 7) >> 3;
    const address = this.#address;
    for (let i = 0; i < 4; i++) address[i] = i < octets ? bytes[at + 1 + i] : 0;
    if (length & 7) address[octets - 1] &= 0xff << (8 - (length & 7));
    return at + 1 + octets;
  }
}

/** Whether `bytes[start, end)` is a list of IPv4 prefixes that can all be routes. */
function isRouteList(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const length = bytes[at];
    if (length > 32 || isMartian(4, bytes, at + 1, length)) return false;
    at += 1 + ((length + 7) >> 3);
  }
  return at === end;
}

/** Whether `bytes[start, end)` is a list of IPv4 prefixes. */
function isPrefixList(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    if (bytes[at] > 32) return false;
    at += 1 + ((bytes[at] + 7) >> 3);
  }
  return at === end;
}
