import { type Address, type Family, formatAddress } from '@caracal/net';
import * as k from './constants.ts';
import { type Outcome, type Result, succeeded } from './errors.ts';
import { layout } from './layout.ts';
import { beginRequest, families, messageType } from './nfnetlink.ts';
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
   * Deletes the flows that match one of the filters; that there is none is a success. Answers with the first failure. A thread of libuv's
   * pool waits for the kernel meanwhile.
   */
  deleteFlows(filters: readonly FlowFilter[]): Promise<Outcome>;
  close(): void;
}

/**
 * The kernel walks its whole table for each list, whatever it holds: 262,144 buckets by default, 8 to 18 ms measured. It takes about as
 * long to hand over so many flows.
 */
const flowsPerWalk = 4_000;

/** Throws Error when the kernel has no nfnetlink. Needs CAP_NET_ADMIN (linux/netfilter/nfnetlink_conntrack.h). */
export function openConntrack(): Conntrack {
  const socket = new NetlinkSocket(k.NETLINK_NETFILTER);
  return {
    async deleteFlows(filters) {
      const flows = countFlows(socket);
      if (!flows.ok) return flows;
      if (flows.value === 0) return succeeded;
      for (const list of listsFor(filters, flows.value)) {
        const outcome = await deleteListed(socket, list);
        if (!outcome.ok) return outcome;
      }
      return succeeded;
    },
    close: () => socket.close(),
  };
}

/** What to list, and what of that is to go. */
interface List {
  /** What the kernel shall look for; without it, it lists everything of the family, or of all families. */
  readonly wanted?: FlowFilter;
  readonly family?: Family;
  readonly filters: readonly FlowFilter[];
}

/**
 * One list of everything, or one for each filter of IPv4 and one of IPv6, whichever is less work. The kernel can't look for an address of
 * IPv6: ctnetlink_filter_match_tuple drops those that are equal (Linux 5.8 to 6.18 at least).
 */
function listsFor(filters: readonly FlowFilter[], flows: number): List[] {
  const lists: List[] = filters.filter(({ family }) => family === 4).map((wanted) => ({ wanted, filters: [wanted] }));
  const ipv6 = filters.filter(({ family }) => family === 6);
  if (ipv6.length > 0) lists.push({ family: 6, filters: ipv6 });
  return lists.length > 1 && flows <= (lists.length - 1) * flowsPerWalk ? [{ filters }] : lists;
}

function countFlows(socket: NetlinkSocket): Result<number> {
  let flows = 0;
  const request: Request = {
    operation: () => 'count flows',
    encode: (writer) => beginRequest(writer, flowMessage(k.IPCTNL_MSG_CT_GET_STATS), undefined),
  };
  const outcome = socket.request(request, ({ view, start, end }) => {
    forEachAttribute(view, start + layout.nfgenmsg.size, end, (type, offset) => {
      if (type === k.CTA_STATS_GLOBAL_ENTRIES) flows = view.getUint32(offset);
    });
  });
  return outcome.ok ? { ok: true, value: flows } : outcome;
}

async function deleteListed(socket: NetlinkSocket, list: List): Promise<Outcome> {
  const found: Request[] = [];
  const listed = await socket.dumpInBackground(listFlows(list), (message) => {
    if (message.type !== flowMessage(k.IPCTNL_MSG_CT_NEW)) return;
    if (matchesAny(message, readTuples(message), list.filters)) found.push(remove(message));
  });
  if (!listed.ok) return listed;
  let outcome: Outcome = succeeded;
  socket.batchEach(found, ({ error }) => {
    // ENOENT: it has ended by itself meanwhile.
    if (error.code !== 'ENOENT' && outcome.ok) outcome = { ok: false, error };
  });
  return outcome;
}

const flowMessage = (message: number) => messageType(k.NFNL_SUBSYS_CTNETLINK, message);
const tupleOf = { original: k.CTA_TUPLE_ORIG, reply: k.CTA_TUPLE_REPLY };
const flagsOf = { original: k.CTA_FILTER_ORIG_FLAGS, reply: k.CTA_FILTER_REPLY_FLAGS };
const ipAttributes = {
  4: { source: k.CTA_IP_V4_SRC, destination: k.CTA_IP_V4_DST },
  6: { source: k.CTA_IP_V6_SRC, destination: k.CTA_IP_V6_DST },
};
/** What the filter's tuple is compared by (CTA_FILTER_F_… of the kernel's nf_internals.h, since Linux 5.8; no header for users has them). */
const compared = { source: 1 << 0, destination: 1 << 1, protocol: 1 << 3, destinationPort: 1 << 5 };

/** Kernels before 5.8 do not know the filter and list all of IPv4. */
function listFlows({ wanted, family, filters }: List): Request {
  return {
    operation: () => `list flows ${filters.map(describe).join(', or ')}`,
    encode: (writer) => {
      beginRequest(writer, flowMessage(k.IPCTNL_MSG_CT_GET), wanted?.family ?? family);
      if (wanted) encodeFilter(writer, wanted);
    },
  };
}

function encodeFilter(writer: MessageWriter, filter: FlowFilter): void {
  const { family, direction, source, destination, protocol, destinationPort } = filter;
  const tuple = writer.beginNested(tupleOf[direction]);
  const ip = writer.beginNested(k.CTA_TUPLE_IP);
  if (source) writer.attributeBytes(ipAttributes[family].source, source.bytes);
  if (destination) writer.attributeBytes(ipAttributes[family].destination, destination.bytes);
  writer.endNested(ip);
  if (protocol !== undefined) {
    const proto = writer.beginNested(k.CTA_TUPLE_PROTO);
    writer.attributeUint8(k.CTA_PROTO_NUM, protocol);
    if (destinationPort !== undefined) writer.attributeBytes(k.CTA_PROTO_DST_PORT, portBytes(destinationPort));
    writer.endNested(proto);
  }
  writer.endNested(tuple);
  let flags = 0;
  for (const part of Object.keys(compared) as (keyof typeof compared)[]) {
    if (filter[part] !== undefined) flags |= compared[part];
  }
  const nested = writer.beginNested(k.CTA_FILTER);
  writer.attributeUint32(flagsOf[direction], flags);
  writer.endNested(nested);
}

/** The deletion of the flow that the message tells of: by its tuple, and by its number, so that a later one of the same tuple stays. */
function remove({ bytes, view, start, end }: Message): Request {
  const kept: { type: number; value: Uint8Array }[] = [];
  forEachAttribute(view, start + layout.nfgenmsg.size, end, (type, offset, size) => {
    if (type === k.CTA_TUPLE_ORIG)
      kept.push({ type: type | k.NLA_F_NESTED, value: bytes.slice(offset, offset + size) });
    if (type === k.CTA_ID || type === k.CTA_ZONE) kept.push({ type, value: bytes.slice(offset, offset + size) });
  });
  const family = bytes[start + layout.nfgenmsg.nfgen_family] === families[4] ? 4 : 6;
  return {
    operation: () => 'delete a flow',
    encode: (writer) => {
      beginRequest(writer, flowMessage(k.IPCTNL_MSG_CT_DELETE), family);
      for (const { type, value } of kept) writer.attributeBytes(type, value);
    },
  };
}

/** Where a flow's message has the parts of a tuple; 0 where it has none. */
interface TupleOffsets {
  source: number;
  destination: number;
  protocol: number;
  destinationPort: number;
}

/** The two tuples of the message: read once for all filters. */
function readTuples({ view, start, end }: Message): Record<FlowFilter['direction'], TupleOffsets> {
  const none = { source: 0, destination: 0, protocol: 0, destinationPort: 0 };
  const tuples = { original: { ...none }, reply: { ...none } };
  forEachAttribute(view, start + layout.nfgenmsg.size, end, (type, at, size) => {
    if (type !== k.CTA_TUPLE_ORIG && type !== k.CTA_TUPLE_REPLY) return;
    const tuple = type === k.CTA_TUPLE_ORIG ? tuples.original : tuples.reply;
    forEachAttribute(view, at, at + size, (part, partAt, partSize) => {
      forEachAttribute(view, partAt, partAt + partSize, (field, offset) => {
        if (part === k.CTA_TUPLE_IP) {
          if (field === k.CTA_IP_V4_SRC || field === k.CTA_IP_V6_SRC) tuple.source = offset;
          if (field === k.CTA_IP_V4_DST || field === k.CTA_IP_V6_DST) tuple.destination = offset;
        } else if (part === k.CTA_TUPLE_PROTO) {
          if (field === k.CTA_PROTO_NUM) tuple.protocol = offset;
          if (field === k.CTA_PROTO_DST_PORT) tuple.destinationPort = offset;
        }
      });
    });
  });
  return tuples;
}

function matchesAny(
  { bytes, view, start }: Message,
  tuples: ReturnType<typeof readTuples>,
  filters: readonly FlowFilter[],
) {
  const family = bytes[start + layout.nfgenmsg.nfgen_family];
  const equals = (offset: number, { bytes: wanted }: Address) =>
    offset !== 0 && wanted.every((byte, i) => bytes[offset + i] === byte);
  return filters.some((filter) => {
    const tuple = tuples[filter.direction];
    if (family !== families[filter.family]) return false;
    if (filter.source && !equals(tuple.source, filter.source)) return false;
    if (filter.destination && !equals(tuple.destination, filter.destination)) return false;
    if (filter.protocol !== undefined && !(tuple.protocol && bytes[tuple.protocol] === filter.protocol)) return false;
    const port = tuple.destinationPort;
    return filter.destinationPort === undefined || (port !== 0 && view.getUint16(port) === filter.destinationPort);
  });
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
