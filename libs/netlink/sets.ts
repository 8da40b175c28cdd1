import { type Address, formatAddress } from '@caracal/net';
import * as k from './constants.ts';
import type { Outcome } from './errors.ts';
import { beginRequest, messageType } from './nfnetlink.ts';
import { NetlinkSocket, type Request } from './socket.ts';

/** An address that comes into a set of type `hash:ip` or `hash:net`, or goes. */
export interface SetChange {
  readonly set: string;
  readonly address: Address;
  /** Of a whole prefix, in sets of type `hash:net`, which do not know the length 0. */
  readonly prefixLength?: number;
  readonly present: boolean;
}

/** Changes the members of ipsets of the network namespace in which it was opened. */
export interface SetSocket {
  /**
   * Carries out the changes in their order, without a process: a few microseconds each, or until the
   * kernel has done what another process asks of its sets at that moment. That an address is in a set, or not in it, already
   * is a success. Answers with the first failure; changes after it are still carried out.
   */
  change(changes: readonly SetChange[]): Outcome;
  close(): void;
}

/** Throws Error when the kernel has no nfnetlink. Needs CAP_NET_ADMIN (linux/netfilter/ipset/ip_set.h). */
export function openSetSocket(): SetSocket {
  const socket = new NetlinkSocket(k.NETLINK_NETFILTER);
  return {
    change: (changes) => socket.batch(changes.map(request)),
    close: () => socket.close(),
  };
}

function request(change: SetChange): Request {
  const { set, address, prefixLength, present } = change;
  const command = present ? k.IPSET_CMD_ADD : k.IPSET_CMD_DEL;
  return {
    operation: () => `${present ? 'add' : 'delete'} ${formatAddress(address)} ${present ? 'to' : 'from'} set ${set}`,
    encode: (writer) => {
      // Without NLM_F_EXCL what is so already is no error (net/netfilter/ipset/ip_set_core.c: flag_exist).
      beginRequest(writer, messageType(k.NFNL_SUBSYS_IPSET, command), address.family);
      writer.attributeUint8(k.IPSET_ATTR_PROTOCOL, k.IPSET_PROTOCOL_MIN);
      writer.attributeString(k.IPSET_ATTR_SETNAME, set);
      const data = writer.beginNested(k.IPSET_ATTR_DATA);
      const ip = writer.beginNested(k.IPSET_ATTR_IP);
      const type = address.family === 4 ? k.IPSET_ATTR_IPADDR_IPV4 : k.IPSET_ATTR_IPADDR_IPV6;
      writer.attributeBytes(type | k.NLA_F_NET_BYTEORDER, address.bytes);
      writer.endNested(ip);
      if (prefixLength !== undefined) writer.attributeUint8(k.IPSET_ATTR_CIDR, prefixLength);
      writer.endNested(data);
    },
  };
}
