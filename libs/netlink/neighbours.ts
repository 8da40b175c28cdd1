import { type Address, addressFromBytes, formatAddress } from '@caracal/net';
import * as k from './constants.ts';
import type { Result } from './errors.ts';
import { layout } from './layout.ts';
import { forEachAttribute } from './reader.ts';
import type { NetlinkSocket, Request } from './socket.ts';
import { addressFamily, formatMac, parseMac } from './writer.ts';

const message = layout.ndmsg;

/** An entry of the neighbour (ARP, ND) table. */
export interface Neighbour {
  readonly interfaceIndex: number;
  readonly address: Address;
  readonly mac: string;
}

/** Adds a permanent neighbour, or makes an existing entry permanent with this MAC. */
export function replaceNeighbour({ interfaceIndex, address, mac }: Neighbour): Request {
  return {
    operation: () => `set neighbour ${formatAddress(address)} to ${mac} on interface ${interfaceIndex}`,
    encode: (writer) => {
      const fixed = writer.begin(k.RTM_NEWNEIGH, k.NLM_F_REQUEST | k.NLM_F_CREATE | k.NLM_F_REPLACE, message.size);
      writer.setUint8(fixed + message.ndm_family, addressFamily(address));
      writer.setUint32(fixed + message.ndm_ifindex, interfaceIndex);
      writer.setUint16(fixed + message.ndm_state, k.NUD_PERMANENT);
      writer.attributeBytes(k.NDA_DST, address.bytes);
      writer.attributeBytes(k.NDA_LLADDR, parseMac(mac));
    },
  };
}

/** The permanent neighbours of the socket's namespace. */
export function listPermanentNeighbours(socket: NetlinkSocket): Result<Neighbour[]> {
  return list(socket, (state) => (state & k.NUD_PERMANENT) !== 0);
}

/** The neighbours that have advertised themselves as routers on their links (RFC 4861). */
export function listRouters(socket: NetlinkSocket): Result<Neighbour[]> {
  return list(socket, (state, flags) => (flags & k.NTF_ROUTER) !== 0 && (state & k.NUD_FAILED) === 0);
}

function list(socket: NetlinkSocket, wanted: (state: number, flags: number) => boolean): Result<Neighbour[]> {
  const neighbours: Neighbour[] = [];
  const outcome = socket.dump(
    {
      operation: () => 'list neighbours',
      encode: (writer) => {
        writer.begin(k.RTM_GETNEIGH, k.NLM_F_REQUEST, message.size);
      },
    },
    () => {
      neighbours.length = 0;
    },
    ({ type, view, bytes, start, end }) => {
      if (type !== k.RTM_NEWNEIGH) return;
      if (!wanted(view.getUint16(start + message.ndm_state, true), bytes[start + message.ndm_flags])) return;
      let address: Uint8Array | undefined;
      let mac: string | undefined;
      forEachAttribute(view, start + message.size, end, (attribute, offset, size) => {
        if (attribute === k.NDA_DST) address = bytes.slice(offset, offset + size);
        else if (attribute === k.NDA_LLADDR) mac = formatMac(bytes.subarray(offset, offset + size));
      });
      if (!address || !mac) return;
      const interfaceIndex = view.getInt32(start + message.ndm_ifindex, true);
      neighbours.push({ interfaceIndex, address: addressFromBytes(address), mac });
    },
  );
  return outcome.ok ? { ok: true, value: neighbours } : outcome;
}
