import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { LocalAddresses } from '@caracal/bgp-speaker';
import { type Address, addressesEqual, parseAddress } from '@caracal/net';

/**
 * The addresses of the interface that has `address` (with `%INTERFACE` when it is link-local): they become next hops. The
 * address itself comes first.
 */
export function localAddresses(
  address: string,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): LocalAddresses {
  const [text, zone] = address.split('%');
  const own = parseAddress(text);
  if (!own) return {};
  for (const [name, list] of Object.entries(interfaces)) {
    if (zone !== undefined && name !== zone) continue;
    const addresses = (list ?? []).map((info) => parseAddress(info.address)).filter((one) => one !== undefined);
    if (!addresses.some((one) => addressesEqual(one, own))) continue;
    const first = (family: 4 | 6) =>
      own.family === family ? own : addresses.find((one) => one.family === family && !linkLocal(one));
    return { ipv4: first(4), ipv6: first(6) };
  }
  return own.family === 4 ? { ipv4: own } : { ipv6: own };
}

function linkLocal({ family, bytes }: Address): boolean {
  return family === 6 && bytes[0] === 0xfe && (bytes[1] & 0xc0) === 0x80;
}
