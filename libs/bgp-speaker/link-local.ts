import { type Address, addressesEqual, parseAddress } from '@caracal/net';
import type { PeerConfig } from './config.ts';
import type { Clock, Connection } from './environment.ts';

/** RFC 4291 section 2.5.6: fe80::/10. */
export function isLinkLocal({ family, bytes }: Address): boolean {
  return family === 6 && bytes[0] === 0xfe && (bytes[1] & 0xc0) === 0x80;
}

/** The address of `fe80::1%eth0`, and the interface when it names one. */
export function parseScoped(text: string): { readonly address?: Address; readonly zone?: string } {
  const at = text.indexOf('%');
  if (at < 0) return { address: parseAddress(text) };
  return { address: parseAddress(text.slice(0, at)), zone: text.slice(at + 1) };
}

/** Whether a connection from an address (with its interface, if it is link-local) comes from the peer. */
export function isFrom(config: PeerConfig, remoteAddress: string): boolean {
  const { address, zone } = parseScoped(remoteAddress);
  if (!address) return false;
  if (config.peerAddress === undefined) return isLinkLocal(address) && zone === config.interface;
  const own = parseAddress(config.peerAddress);
  return own !== undefined && addressesEqual(own, address);
}

/** What two peers cannot both be. */
export function placeOf({ peerAddress, peerPrefix, interface: name }: PeerConfig): string {
  return peerAddress ?? peerPrefix ?? `%${name}`;
}

/** A connection that cannot be made. */
export function noConnection(clock: Clock, reason: string): Connection {
  return {
    outgoing: true,
    localAddress: '',
    remoteAddress: '',
    unsent: 0,
    listen: (listener) => clock.soon(() => listener.onClose(reason)),
    write: () => true,
    close: () => {},
  };
}
