import { type Address, addressFromBytes } from '@caracal/net';
import * as k from './constants.ts';
import type { Result } from './errors.ts';
import { layout } from './layout.ts';
import { forEachAttribute } from './reader.ts';
import type { NetlinkSocket, Request } from './socket.ts';
import { addressFamily, formatWithLength } from './writer.ts';

const message = layout.ifaddrmsg;

/** An address of an interface. */
export interface InterfaceAddress {
  readonly interfaceIndex: number;
  readonly address: Address;
  readonly prefixLength: number;
}

function encodeAddress(type: number, flags: number, { interfaceIndex, address, prefixLength }: InterfaceAddress) {
  return (writer: Parameters<Request['encode']>[0]) => {
    const fixed = writer.begin(type, k.NLM_F_REQUEST | flags, message.size);
    writer.setUint8(fixed + message.ifa_family, addressFamily(address));
    writer.setUint8(fixed + message.ifa_prefixlen, prefixLength);
    writer.setUint32(fixed + message.ifa_index, interfaceIndex);
    writer.attributeBytes(k.IFA_LOCAL, address.bytes);
    writer.attributeBytes(k.IFA_ADDRESS, address.bytes);
    // Duplicate address detection would delay an address that its owner has from a block of its own.
    if (address.family === 6) writer.attributeUint32(k.IFA_FLAGS, k.IFA_F_NODAD);
  };
}

/** Adds an address to an interface; EEXIST when it has it already. */
export function addAddress(address: InterfaceAddress): Request {
  return {
    operation: () =>
      `add address ${formatWithLength(address.address, address.prefixLength)} to interface ${address.interfaceIndex}`,
    encode: encodeAddress(k.RTM_NEWADDR, k.NLM_F_CREATE | k.NLM_F_EXCL, address),
  };
}

/** Removes an address from an interface; EADDRNOTAVAIL when it has none such. */
export function deleteAddress(address: InterfaceAddress): Request {
  return {
    operation: () =>
      `delete address ${formatWithLength(address.address, address.prefixLength)} from interface ${address.interfaceIndex}`,
    encode: encodeAddress(k.RTM_DELADDR, 0, address),
  };
}

/** All addresses of the socket's namespace, of one interface if its index is given. */
export function listAddresses(socket: NetlinkSocket, interfaceIndex?: number): Result<InterfaceAddress[]> {
  const addresses: InterfaceAddress[] = [];
  const outcome = socket.dump(
    {
      operation: () => 'list addresses',
      encode: (writer) => {
        const fixed = writer.begin(k.RTM_GETADDR, k.NLM_F_REQUEST, message.size);
        writer.setUint32(fixed + message.ifa_index, interfaceIndex ?? 0);
      },
    },
    () => {
      addresses.length = 0;
    },
    ({ type, view, bytes, start, end }) => {
      if (type !== k.RTM_NEWADDR) return;
      let local: Uint8Array | undefined;
      let address: Uint8Array | undefined;
      forEachAttribute(view, start + message.size, end, (attribute, offset, size) => {
        if (attribute === k.IFA_LOCAL) local = bytes.slice(offset, offset + size);
        else if (attribute === k.IFA_ADDRESS) address = bytes.slice(offset, offset + size);
      });
      // IFA_LOCAL is the interface's own address; on point-to-point links IFA_ADDRESS is the other end's. IPv6 has only the latter.
      const own = local ?? address;
      if (!own) return;
      addresses.push({
        interfaceIndex: view.getUint32(start + message.ifa_index, true),
        address: addressFromBytes(own),
        prefixLength: bytes[start + message.ifa_prefixlen],
      });
    },
  );
  return outcome.ok ? { ok: true, value: addresses } : outcome;
}
