import { parseAddress } from '@caracal/net';

/** Addresses in text, as bytes on the wire; throws on what is no address, since they come from our own journal. */
export function addressesAsBytes(addresses: readonly string[]): Uint8Array[] {
  return addresses.map((text) => {
    const address = parseAddress(text);
    if (!address) throw new Error(`${text} is no address`);
    return address.bytes;
  });
}
