import { compareAddresses } from '@caracal/net';
import type { PeerFacts } from './decision/steps.ts';
import type { Peer } from './peer.ts';
import type { Source } from './policy/export.ts';
import { localPeer } from './rib/path-store.ts';

/** The peers by name and by the number that paths carry, and what the decision and the export want to know of them. */
export class PeerSet {
  readonly #byName = new Map<string, Peer>();
  /** 0 is this speaker itself. */
  readonly #byNumber: (Peer | undefined)[] = [undefined];

  readonly facts: PeerFacts = {
    isExternal: (number) => this.#byNumber[number]?.external ?? false,
    identifier: (number) => this.#byNumber[number]?.negotiated?.peerIdentifier ?? 0,
    addressRank: (number) => this.#addressRank(number),
  };

  get byName(): ReadonlyMap<string, Peer> {
    return this.#byName;
  }

  [Symbol.iterator](): Iterator<Peer> {
    return this.#byName.values();
  }

  /** Those of a peer by prefix. */
  ofRange(range: string): Peer[] {
    return [...this].filter(({ config }) => config.range === range);
  }

  /** The lowest number that no peer has: those of peers that are gone are given out again, so that arrays stay small. */
  freeNumber(): number {
    let number = 1;
    while (this.#byNumber[number]) number++;
    return number;
  }

  add(peer: Peer): void {
    this.#byName.set(peer.config.name, peer);
    this.#byNumber[peer.number] = peer;
  }

  remove(peer: Peer): void {
    this.#byName.delete(peer.config.name);
    this.#byNumber[peer.number] = undefined;
  }

  /** The number of the peer with a name (`local`: our own, unless a peer is called so); undefined when there is none. */
  numberOf(name: string): number | undefined {
    return this.#byName.get(name)?.number ?? (name === 'local' ? localPeer : undefined);
  }

  /** The name of the peer with a number, or `local`. */
  nameOf(number: number): string {
    return this.#byNumber[number]?.config.name ?? 'local';
  }

  /** The interface that link-local next hops of a peer's number are on. */
  interfaceOf(number: number): string | undefined {
    return this.#byNumber[number]?.interface;
  }

  /** Where the routes of a peer's number come from. */
  sourceOf(number: number): Source {
    if (number === localPeer) return 'local';
    if (this.facts.isExternal(number)) return 'external';
    return this.#byNumber[number]?.config.reflectorClient ? 'client' : 'internal';
  }

  /** The place of the peer's address among all peers' (RFC 4271 section 9.1.2.2 g). */
  #addressRank(number: number): number {
    const peer = this.#byNumber[number];
    const address = peer?.address;
    if (!address) return -1;
    let rank = 0;
    for (const other of this) if (other.address && compareAddresses(other.address, address) < 0) rank++;
    return rank;
  }
}
