import { type Address, type Family, formatAddress } from '@caracal/net';
import * as k from './constants.ts';
import { type Outcome, succeeded } from './errors.ts';
import { layout } from './layout.ts';
import { forEachAttribute, type Message } from './reader.ts';
import { NetlinkSocket, type Request } from './socket.ts';
import type { MessageWriter } from './writer.ts';

/**
 * Which flows that the kernel tracks: all that is given must hold. `original` is the direction of the first packet, `reply` the other
 * one, in which an address that NAT has put in place is seen.
 */
export interface FlowFilter {
  readonly family: Family;
  readonly direction: 'original' | 'reply';
  readonly source?: Address;
  readonly destination?: Address;
  /** A port needs its protocol. */
  readonly protocol?: number;
  readonly destinationPort?: number;
}

/** Deletes flows of the network namespace in which it was opened. One call at a time. */
export interface Conntrack {
  /**
   * Deletes the flows that match one of the filters; that there is none is a success. The kernel walks its table (262,144 buckets by
   * default) on a thread of libuv's pool: once for each filter of IPv4, once for all of IPv6. Answers with the first failure.
   */
  deleteFlows(filters: readonly FlowFilter[]): Promise<Outcome>;
  close(): void;
}

/** Throws Error when the kernel has no nfnetlink. Needs CAP_NET_ADMIN (linux/netfilter/nfnetlink_conntrack.h). */
export function openConntrack(): Conntrack {
  const socket = new NetlinkSocket(k.NETLINK_NETFILTER);
  return {
    async deleteFlows(filters) {
      const ipv6 = filters.filter(({ family }) => family === 6);
      const walks = filters.filter(({ family }) => family === 4).map((filter) => [filter]);
      if (ipv6.length > 0) walks.push(ipv6);
      for (const walk of walks) {
        const outcome = await deleteListed(socket, walk);
        if (!outcome.ok) return outcome;
      }
      return succeeded;
    },
    close: () => socket.close(),
  };
}

async function deleteListed(socket: NetlinkSocket, filters: readonly FlowFilter[]): Promise<Outcome> {
  const found: Request[] = [];
  const listed = await socket.dumpInBackground(list(filters), (message) => {
    if (message.type !== messageType(k.IPCTNL_MSG_CT_NEW)) return;
    if (filters.some((filter) => matches(message, filter))) found.push(remove(message));
  });
  if (!listed.ok) return listed;
  let outcome: Outcome = succeeded;
  socket.batchEach(found, ({ error }) => {
    // ENOENT: it has ended by itself meanwhile.
    if (error.code !== 'ENOENT' && outcome.ok) outcome = { ok: false, error };
  });
  return outcome;
}

const messageType = (message: number) => (k.NFNL_SUBSYS_CTNETLINK << 8) | message;
const tupleOf = { original: k.CTA_TUPLE_ORIG, reply: k.CTA_TUPLE_REPLY };
const flagsOf = { original: k.CTA_FILTER_ORIG_FLAGS, reply: k.CTA_FILTER_REPLY_FLAGS };
const ipAttributes = {
  4: { source: k.CTA_IP_V4_SRC, destination: k.CTA_IP_V4_DST },
  6: { source: k.CTA_IP_V6_SRC, destination: k.CTA_IP_V6_DST },
};
/** What the filter's tuple is compared by (CTA_FILTER_F_… of the kernel's nf_internals.h, since Linux 5.8; no header for users has them). */
const compared = { source: 1 << 0, destination: 1 << 1, protocol: 1 << 3, destinationPort: 1 << 5 };

function begin(writer: MessageWriter, message: number, flags: number, family: Family): void {
  const fixed = writer.begin(messageType(message), k.NLM_F_REQUEST | flags, layout.nfgenmsg.size);
  writer.setUint8(fixed + layout.nfgenmsg.nfgen_family, family === 4 ? k.AF_INET : k.AF_INET6);
  writer.setUint8(fixed + layout.nfgenmsg.version, k.NFNETLINK_V0);
}

/**
 * Lists what matches; of IPv6 everything, since the kernel's comparison of its addresses is the wrong way round (ctnetlink_filter_match_tuple
 * drops those that are equal, Linux 5.8 to 6.18 at least). Kernels before 5.8 do not know the filter and list all of IPv4, too.
 */
function list(filters: readonly FlowFilter[]): Request {
  const { family, direction, source, destination, protocol, destinationPort } = filters[0];
  return {
    operation: () => `list flows ${filters.map(describe).join(', or ')}`,
    encode: (writer) => {
      begin(writer, k.IPCTNL_MSG_CT_GET, 0, family);
      if (family === 6) return;
      const tuple = writer.beginNested(tupleOf[direction]);
      const ip = writer.beginNested(k.CTA_TUPLE_IP);
      if (source) writer.attributeBytes(ipAttributes[family].source, source.bytes);
      if (destination) writer.attributeBytes(ipAttributes[family].destination, destination.bytes);
      writer.endNested(ip);
      if (protocol !== undefined) {
        const proto = writer.beginNested(k.CTA_TUPLE_PROTO);
        writer.attributeBytes(k.CTA_PROTO_NUM, Uint8Array.of(protocol));
        if (destinationPort !== undefined) writer.attributeBytes(k.CTA_PROTO_DST_PORT, portBytes(destinationPort));
        writer.endNested(proto);
      }
      writer.endNested(tuple);
      let flags = 0;
      for (const part of Object.keys(compared) as (keyof typeof compared)[]) {
        if (filters[0][part] !== undefined) flags |= compared[part];
      }
      const nested = writer.beginNested(k.CTA_FILTER);
      writer.attributeUint32(flagsOf[direction], flags);
      writer.endNested(nested);
    },
  };
}

/** The deletion of the flow that the message tells of: by its tuple, and by its number, so that a later one of the same tuple stays. */
function remove({ bytes, view, start, end }: Message): Request {
  const kept: { type: number; value: Uint8Array }[] = [];
  forEachAttribute(view, start + layout.nfgenmsg.size, end, (type, offset, size) => {
    if (type === k.CTA_TUPLE_ORIG)
      kept.push({ type: type | k.NLA_F_NESTED, value: bytes.slice(offset, offset + size) });
    if (type === k.CTA_ID || type === k.CTA_ZONE) kept.push({ type, value: bytes.slice(offset, offset + size) });
  });
  const family = bytes[start + layout.nfgenmsg.nfgen_family] === k.AF_INET ? 4 : 6;
  return {
    operation: () => 'delete a flow',
    encode: (writer) => {
      begin(writer, k.IPCTNL_MSG_CT_DELETE, 0, family);
      for (const { type, value } of kept) writer.attributeBytes(type, value);
    },
  };
}

function matches({ bytes, view, start, end }: Message, filter: FlowFilter): boolean {
  const { family, direction, source, destination, protocol, destinationPort } = filter;
  const { source: sourceType, destination: destinationType } = ipAttributes[family];
  const equals = (offset: number, size: number, value: Uint8Array) =>
    size === value.length && value.every((byte, i) => bytes[offset + i] === byte);
  let missing = [source, destination, protocol, destinationPort].filter((part) => part !== undefined).length;
  forEachAttribute(view, start + layout.nfgenmsg.size, end, (type, tuple, tupleSize) => {
    if (type !== tupleOf[direction]) return;
    forEachAttribute(view, tuple, tuple + tupleSize, (part, at, partSize) => {
      forEachAttribute(view, at, at + partSize, (field, offset, size) => {
        if (part === k.CTA_TUPLE_IP) {
          if (field === sourceType && source && equals(offset, size, source.bytes)) missing--;
          if (field === destinationType && destination && equals(offset, size, destination.bytes)) missing--;
        } else if (part === k.CTA_TUPLE_PROTO) {
          if (field === k.CTA_PROTO_NUM && bytes[offset] === protocol) missing--;
          if (field !== k.CTA_PROTO_DST_PORT || destinationPort === undefined) return;
          if (equals(offset, size, portBytes(destinationPort))) missing--;
        }
      });
    });
  });
  return missing === 0;
}

const portBytes = (port: number) => Uint8Array.of(port >> 8, port & 0xff);

function describe({ direction, source, destination, protocol, destinationPort }: FlowFilter): string {
  const parts = [`of the ${direction} direction`];
  if (source) parts.push(`from ${formatAddress(source)}`);
  if (destination) parts.push(`to ${formatAddress(destination)}`);
  if (protocol !== undefined) parts.push(`of protocol ${protocol}`);
  if (destinationPort !== undefined) parts.push(`to port ${destinationPort}`);
  return parts.join(' ');
}
