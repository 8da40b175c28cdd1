import { type Address, type Prefix, parseAddress, parsePrefix, prefixContains } from '@caracal/net';
import type { PeerConfig } from './config.ts';

/** How many sessions there may be of one range when nothing is said. */
export const defaultSessionLimit = 100;

/** A prefix from which peers may come, each of which gets a session of its own. */
interface PeerRange {
  readonly config: PeerConfig;
  readonly prefix: Prefix;
}

/** The peers that are configured by prefix: what a connection from within becomes. */
export class PeerRanges {
  #ranges: readonly PeerRange[] = [];

  /** Takes those of the configuration in place of the ones before. */
  set(peers: readonly PeerConfig[]): void {
    this.#ranges = peers.flatMap((config) => {
      const prefix = config.peerPrefix === undefined ? undefined : parsePrefix(config.peerPrefix);
      return prefix ? [{ config, prefix }] : [];
    });
  }

  /** The peer that an address becomes: of several ranges the most specific one's, of equal ones the first's. */
  find(address: string): PeerConfig | undefined {
    const own = parseAddress(address);
    if (!own) return undefined;
    let found: PeerRange | undefined;
    for (const range of this.#ranges) {
      if (contains(range.prefix, own) && range.prefix.length > (found?.prefix.length ?? -1)) found = range;
    }
    return found?.config;
  }

  /** Whether a name is that of a peer of one of the ranges that may be there any time. */
  expects(name: string): boolean {
    return this.#ranges.some(({ config }) => !config.shutdown && name.startsWith(`${config.name}/`));
  }

  [Symbol.iterator](): Iterator<PeerConfig> {
    return this.#ranges.map(({ config }) => config)[Symbol.iterator]();
  }
}

function contains(prefix: Prefix, address: Address): boolean {
  return prefix.address.family === address.family && prefixContains(prefix, address);
}

/** A peer of a range. Its name is the range's with its address. */
export function peerOfRange(range: PeerConfig, address: string): PeerConfig {
  const { peerPrefix: _, sessionLimit: __, ...session } = range;
  return { ...session, name: `${range.name}/${address}`, peerAddress: address, passive: true, range: range.name };
}
