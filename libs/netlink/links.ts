import * as k from './constants.ts';
import type { Result } from './errors.ts';
import { layout } from './layout.ts';
import { forEachAttribute, type Message, readString } from './reader.ts';
import type { NetlinkSocket, Request } from './socket.ts';
import { formatMac, type MessageWriter, parseMac } from './writer.ts';

const message = layout.ifinfomsg;

/** The loopback interface has this index in every namespace (net/core/dev.c). */
export const loopbackIndex = 1;

/** A network interface as the kernel lists it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Absent for interfaces without a link-layer address of six bytes. */
  readonly mac?: string;
  readonly mtu: number;
  /** Administratively up (IFF_UP); says nothing about the carrier. */
  readonly up: boolean;
  /** The interface that this one is bound to; for veth the peer's index, in the peer's namespace. */
  readonly linkIndex?: number;
  /** The bridge that it belongs to. */
  readonly masterIndex?: number;
  /** The driver's kind, such as `veth` or `bridge`. */
  readonly kind?: string;
}

/** A veth pair: `name` in the socket's namespace, the peer in the same or another. */
export interface VethSpec {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** Of each end, for sending and for receiving; one when absent. */
  readonly queues?: number;
  readonly peer: {
    readonly name: string;
    readonly mac?: string;
    readonly mtu?: number;
    /** An open namespace file, to create the peer there. */
    readonly netnsFd?: number;
  };
}

/** IPv4 settings of one interface, as its directory in net.ipv4.conf has them. */
export interface Ipv4Settings {
  readonly forwarding?: boolean;
  readonly proxyArp?: boolean;
  /** 0 off, 1 strict (RFC 3704), 2 loose. */
  readonly reversePathFilter?: 0 | 1 | 2;
  /** Whether packets of 127.0.0.0/8 may leave and come in by it. */
  readonly routeLocalnet?: boolean;
}

/** IPv6 settings of one interface. */
export interface Ipv6Settings {
  /** Nobody chooses a link-local address for it. What routers announce is another matter (accept_ra). */
  readonly addressGeneration?: 'none';
}

export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  /** A number that marks links to be handled together (IFLA_GROUP); 0 by default. */
  readonly group?: number;
  readonly ipv4?: Ipv4Settings;
  /** Before it comes up. EAFNOSUPPORT when the kernel has no IPv6, or not for an interface with so small an MTU. */
  readonly ipv6?: Ipv6Settings;
}

function encodeLinkAttributes(writer: MessageWriter, link: { name: string; mac?: string; mtu?: number }): void {
  writer.attributeString(k.IFLA_IFNAME, link.name);
  if (link.mac) writer.attributeBytes(k.IFLA_ADDRESS, parseMac(link.mac));
  if (link.mtu) writer.attributeUint32(k.IFLA_MTU, link.mtu);
}

/**
 * To be said when the link is made: a veth of which nothing is said gets a queue for each processor, is then cut down to the one that it uses,
 * and for that waits at each end for a grace period of RCU, with the lock of all links held (veth_init_queues, netif_set_real_num_tx_queues).
 */
function encodeQueues(writer: MessageWriter, queues: number): void {
  writer.attributeUint32(k.IFLA_NUM_TX_QUEUES, queues);
  writer.attributeUint32(k.IFLA_NUM_RX_QUEUES, queues);
}

/** Creates a veth pair with both ends down; EEXIST when either name is taken. */
function createVeth(spec: VethSpec): Request {
  const { queues = 1 } = spec;
  return {
    operation: () => `create veth pair ${spec.name} and ${spec.peer.name}`,
    encode: (writer) => {
      writer.begin(k.RTM_NEWLINK, k.NLM_F_REQUEST | k.NLM_F_CREATE | k.NLM_F_EXCL, message.size);
      encodeLinkAttributes(writer, spec);
      encodeQueues(writer, queues);
      const info = writer.beginNested(k.IFLA_LINKINFO);
      writer.attributeString(k.IFLA_INFO_KIND, 'veth');
      const data = writer.beginNested(k.IFLA_INFO_DATA);
      const peer = writer.beginNested(k.VETH_INFO_PEER);
      writer.reserve(message.size);
      encodeLinkAttributes(writer, spec.peer);
      encodeQueues(writer, queues);
      if (spec.peer.netnsFd !== undefined) writer.attributeUint32(k.IFLA_NET_NS_FD, spec.peer.netnsFd);
      // The peer's attribute starts with a plain structure, so it does not carry the flag for nested attributes.
      writer.endNested(peer, 0);
      writer.endNested(data);
      writer.endNested(info);
    },
  };
}

/** Creates an intermediate functional block, down: what is redirected to it leaves it as it came in elsewhere. EEXIST when the name is taken. */
function createIfb(name: string): Request {
  return {
    operation: () => `create ifb ${name}`,
    encode: (writer) => {
      writer.begin(k.RTM_NEWLINK, k.NLM_F_REQUEST | k.NLM_F_CREATE | k.NLM_F_EXCL, message.size);
      writer.attributeString(k.IFLA_IFNAME, name);
      const info = writer.beginNested(k.IFLA_LINKINFO);
      writer.attributeString(k.IFLA_INFO_KIND, 'ifb');
      writer.endNested(info);
    },
  };
}

/** Changes an existing link, given by index or name; ENODEV when there is none. */
export function setLink(link: number | string, change: LinkChange): Request {
  return {
    operation: () => `change link ${link}`,
    encode: (writer) => {
      const fixed = writer.begin(k.RTM_SETLINK, k.NLM_F_REQUEST, message.size);
      if (typeof link === 'number') writer.setUint32(fixed + message.ifi_index, link);
      else writer.attributeString(k.IFLA_IFNAME, link);
      if (change.up !== undefined) {
        writer.setUint32(fixed + message.ifi_flags, change.up ? k.IFF_UP : 0);
        writer.setUint32(fixed + message.ifi_change, k.IFF_UP);
      }
      if (change.mtu) writer.attributeUint32(k.IFLA_MTU, change.mtu);
      if (change.mac) writer.attributeBytes(k.IFLA_ADDRESS, parseMac(change.mac));
      if (change.group !== undefined) writer.attributeUint32(k.IFLA_GROUP, change.group);
      if (!change.ipv4 && !change.ipv6) return;
      const families = writer.beginNested(k.IFLA_AF_SPEC);
      if (change.ipv4) encodeIpv4Settings(writer, change.ipv4);
      if (change.ipv6) encodeIpv6Settings(writer, change.ipv6);
      writer.endNested(families);
    },
  };
}

/** The same settings as the files of net.ipv4.conf, in the message that changes the link. */
function encodeIpv4Settings(writer: MessageWriter, settings: Ipv4Settings): void {
  const ipv4 = writer.beginNested(k.AF_INET);
  const conf = writer.beginNested(k.IFLA_INET_CONF);
  if (settings.forwarding !== undefined) {
    writer.attributeUint32(k.IPV4_DEVCONF_FORWARDING, settings.forwarding ? 1 : 0);
  }
  if (settings.proxyArp !== undefined) writer.attributeUint32(k.IPV4_DEVCONF_PROXY_ARP, settings.proxyArp ? 1 : 0);
  if (settings.reversePathFilter !== undefined) {
    writer.attributeUint32(k.IPV4_DEVCONF_RP_FILTER, settings.reversePathFilter);
  }
  if (settings.routeLocalnet !== undefined) {
    writer.attributeUint32(k.IPV4_DEVCONF_ROUTE_LOCALNET, settings.routeLocalnet ? 1 : 0);
  }
  writer.endNested(conf);
  writer.endNested(ipv4);
}

function encodeIpv6Settings(writer: MessageWriter, { addressGeneration }: Ipv6Settings): void {
  const ipv6 = writer.beginNested(k.AF_INET6);
  if (addressGeneration === 'none') writer.attributeUint8(k.IFLA_INET6_ADDR_GEN_MODE, k.IN6_ADDR_GEN_MODE_NONE);
  writer.endNested(ipv6);
}

/** Deletes a link by name; ENODEV when there is none. Deleting one end of a veth pair deletes the other. */
export function deleteLink(name: string): Request {
  return {
    operation: () => `delete link ${name}`,
    encode: (writer) => {
      writer.begin(k.RTM_DELLINK, k.NLM_F_REQUEST, message.size);
      writer.attributeString(k.IFLA_IFNAME, name);
    },
  };
}

/** Deletes all links of a group at once; ENODEV when it has none. */
export function deleteLinkGroup(group: number): Request {
  return {
    operation: () => `delete the links of group ${group}`,
    encode: (writer) => {
      writer.begin(k.RTM_DELLINK, k.NLM_F_REQUEST, message.size);
      writer.attributeUint32(k.IFLA_GROUP, group);
    },
  };
}

/** Asks for one link by name (the answer goes to the visitor; see {@link parseLink}); ENODEV when there is none. */
export function showLink(name: string): Request {
  return {
    operation: () => `look up link ${name}`,
    encode: (writer) => {
      writer.begin(k.RTM_GETLINK, k.NLM_F_REQUEST, message.size);
      writer.attributeString(k.IFLA_IFNAME, name);
      writer.attributeUint32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS);
    },
  };
}

/** Reads an RTM_NEWLINK message. */
function parseLink({ view, bytes, start, end }: Message): Link {
  const link = {
    index: view.getInt32(start + message.ifi_index, true),
    up: (view.getUint32(start + message.ifi_flags, true) & k.IFF_UP) !== 0,
    name: '',
    mtu: 0,
    mac: undefined as string | undefined,
    linkIndex: undefined as number | undefined,
    masterIndex: undefined as number | undefined,
    kind: undefined as string | undefined,
  };
  forEachAttribute(view, start + message.size, end, (type, offset, size) => {
    switch (type) {
      case k.IFLA_IFNAME:
        link.name = readString(bytes, offset, size);
        break;
      case k.IFLA_MTU:
        link.mtu = view.getUint32(offset, true);
        break;
      case k.IFLA_ADDRESS:
        if (size === 6) link.mac = formatMac(bytes.subarray(offset, offset + 6));
        break;
      case k.IFLA_LINK:
        link.linkIndex = view.getInt32(offset, true);
        break;
      case k.IFLA_MASTER:
        link.masterIndex = view.getUint32(offset, true);
        break;
      case k.IFLA_LINKINFO:
        forEachAttribute(view, offset, offset + size, (innerType, innerOffset, innerSize) => {
          if (innerType === k.IFLA_INFO_KIND) link.kind = readString(bytes, innerOffset, innerSize);
        });
        break;
    }
  });
  return link;
}

/** Creates a veth pair and answers with its near end, in one send. */
export function createVethLink(socket: NetlinkSocket, spec: VethSpec): Result<Link> {
  return create(socket, createVeth(spec), spec.name);
}

/** Creates an ifb, up, and answers with it. */
export function createIfbLink(socket: NetlinkSocket, name: string): Result<Link> {
  return create(socket, createIfb(name), name);
}

function create(socket: NetlinkSocket, request: Request, name: string): Result<Link> {
  let created: Link | undefined;
  const outcome = socket.batch([request, showLink(name)], (answer) => {
    if (answer.type === k.RTM_NEWLINK) created = parseLink(answer);
  });
  if (!outcome.ok) return outcome;
  if (!created) throw new Error(`the kernel created link ${name} and did not show it`);
  return { ok: true, value: created };
}

/** The link of the name; undefined when there is none. */
export function findLink(socket: NetlinkSocket, name: string): Result<Link | undefined> {
  let found: Link | undefined;
  const outcome = socket.request(showLink(name), (answer) => {
    if (answer.type === k.RTM_NEWLINK) found = parseLink(answer);
  });
  if (outcome.ok) return { ok: true, value: found };
  return outcome.error.code === 'ENODEV' ? { ok: true, value: undefined } : outcome;
}

/** All links of the socket's namespace. */
export function listLinks(socket: NetlinkSocket): Result<Link[]> {
  const links: Link[] = [];
  const outcome = socket.dump(
    {
      operation: () => 'list links',
      encode: (writer) => {
        writer.begin(k.RTM_GETLINK, k.NLM_F_REQUEST, message.size);
        writer.attributeUint32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS);
      },
    },
    () => {
      links.length = 0;
    },
    (answer) => {
      if (answer.type === k.RTM_NEWLINK) links.push(parseLink(answer));
    },
  );
  return outcome.ok ? { ok: true, value: links } : outcome;
}
