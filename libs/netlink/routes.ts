import { type Address, addressFromBytes, bitsOf, type Family, formatPrefix, type Prefix } from '@caracal/net';
import * as k from './constants.ts';
import type { Result } from './errors.ts';
import { layout } from './layout.ts';
import { forEachAttribute } from './reader.ts';
import type { NetlinkSocket, Request } from './socket.ts';
import { addressFamily, type MessageWriter } from './writer.ts';

const message = layout.rtmsg;
const nexthop = layout.rtnexthop;

const types = {
  unicast: k.RTN_UNICAST,
  blackhole: k.RTN_BLACKHOLE,
  unreachable: k.RTN_UNREACHABLE,
  prohibit: k.RTN_PROHIBIT,
} as const;
const typeNames = new Map<number, RouteType>(
  // Object.entries widens the keys to string.
  Object.entries(types).map(([name, value]) => [value, name as RouteType]),
);

export type RouteType = keyof typeof types;

/** One way to a destination: a gateway, an interface, or a gateway on an interface. */
export interface NextHop {
  /** Of the other family than the prefix for RFC 8950 routes (RTA_VIA). */
  readonly gateway?: Address;
  readonly interfaceIndex?: number;
  /** The gateway is taken to be on the link though no address says so. */
  readonly onlink?: boolean;
  /** 1 to 256; 1 when absent. Counts only among several next hops. */
  readonly weight?: number;
}

/** A route. Its identity in a table is (prefix, metric); `replaceRoute` replaces by that. */
export interface Route {
  readonly prefix: Prefix;
  /** `unicast` when absent. */
  readonly type?: RouteType;
  /** None for blackhole, unreachable and prohibit; several make the route multipath. */
  readonly nextHops: readonly NextHop[];
  /** rtm_protocol: who made the route. See `routeProtocols`. */
  readonly protocol: number;
  /** Priority; 0 when absent (for IPv6 the kernel makes that 1024). */
  readonly metric?: number;
  /** The main table (254) when absent. */
  readonly table?: number;
  /** The source address that the host itself prefers on this route. */
  readonly source?: Address;
}

/** What a deletion names: the kernel deletes the first route that matches everything given. */
export interface RouteKey {
  readonly prefix: Prefix;
  readonly protocol?: number;
  readonly type?: RouteType;
  readonly metric?: number;
  readonly table?: number;
}

/** Adds the route, or replaces the one with the same prefix, metric and table, whoever made it. */
export function replaceRoute(route: Route): Request {
  return {
    operation: () => `set ${describe(route)}`,
    encode: (writer) => encodeRoute(writer, k.NLM_F_CREATE | k.NLM_F_REPLACE, route),
  };
}

/** Adds the route; EEXIST when its prefix, metric and table are taken. */
export function addRoute(route: Route): Request {
  return {
    operation: () => `add ${describe(route)}`,
    encode: (writer) => encodeRoute(writer, k.NLM_F_CREATE | k.NLM_F_EXCL, route),
  };
}

/** Deletes one route; ESRCH when none matches. */
export function deleteRoute(key: RouteKey): Request {
  return {
    operation: () => `delete ${describe(key)}`,
    encode: (writer) => {
      const fixed = writer.begin(k.RTM_DELROUTE, k.NLM_F_REQUEST, message.size);
      encodeDestination(writer, fixed, key);
      writer.setUint8(fixed + message.rtm_protocol, key.protocol ?? 0);
      writer.setUint8(fixed + message.rtm_type, key.type ? types[key.type] : 0);
      writer.setUint8(fixed + message.rtm_scope, k.RT_SCOPE_NOWHERE);
      if (key.metric !== undefined) writer.attributeUint32(k.RTA_PRIORITY, key.metric);
    },
  };
}

function describe(key: RouteKey): string {
  const type = key.type && key.type !== 'unicast' ? `${key.type} ` : '';
  return `${type}route ${formatPrefix(key.prefix)}${key.table ? ` in table ${key.table}` : ''}`;
}

function encodeDestination(writer: MessageWriter, fixed: number, { prefix, table = k.RT_TABLE_MAIN }: RouteKey): void {
  writer.setUint8(fixed + message.rtm_family, addressFamily(prefix.address));
  writer.setUint8(fixed + message.rtm_dst_len, prefix.length);
  writer.setUint8(fixed + message.rtm_table, table < 256 ? table : 0);
  writer.attributeBytes(k.RTA_DST, prefix.address.bytes);
  if (table >= 256) writer.attributeUint32(k.RTA_TABLE, table);
}

function encodeRoute(writer: MessageWriter, flags: number, route: Route): void {
  const fixed = writer.begin(k.RTM_NEWROUTE, k.NLM_F_REQUEST | flags, message.size);
  const type = types[route.type ?? 'unicast'];
  const direct = type === k.RTN_UNICAST && route.nextHops.every((hop) => !hop.gateway);
  writer.setUint8(fixed + message.rtm_protocol, route.protocol);
  writer.setUint8(fixed + message.rtm_type, type);
  // A destination on the link itself; IPv6 knows no scopes and ignores this.
  writer.setUint8(fixed + message.rtm_scope, direct ? k.RT_SCOPE_LINK : k.RT_SCOPE_UNIVERSE);
  encodeDestination(writer, fixed, route);
  if (route.metric) writer.attributeUint32(k.RTA_PRIORITY, route.metric);
  if (route.source) writer.attributeBytes(k.RTA_PREFSRC, route.source.bytes);
  if (route.nextHops.length === 1) {
    const hop = route.nextHops[0];
    if (hop.onlink) writer.setUint32(fixed + message.rtm_flags, k.RTNH_F_ONLINK);
    if (hop.interfaceIndex !== undefined) writer.attributeUint32(k.RTA_OIF, hop.interfaceIndex);
    if (hop.gateway) encodeGateway(writer, route.prefix.address.family, hop.gateway);
  } else if (route.nextHops.length > 1) {
    const list = writer.beginNested(k.RTA_MULTIPATH);
    for (const hop of route.nextHops) {
      const start = writer.reserve(nexthop.size);
      writer.setUint8(start + nexthop.rtnh_flags, hop.onlink ? k.RTNH_F_ONLINK : 0);
      writer.setUint8(start + nexthop.rtnh_hops, (hop.weight ?? 1) - 1);
      writer.setUint32(start + nexthop.rtnh_ifindex, hop.interfaceIndex ?? 0);
      if (hop.gateway) encodeGateway(writer, route.prefix.address.family, hop.gateway);
      writer.setUint16(start + nexthop.rtnh_len, writer.length - start);
    }
    // An array of structures, not of attributes.
    writer.endNested(list, 0);
  }
}

function encodeGateway(writer: MessageWriter, family: Family, gateway: Address): void {
  if (gateway.family === family) {
    writer.attributeBytes(k.RTA_GATEWAY, gateway.bytes);
  } else {
    const via = new Uint8Array(2 + gateway.bytes.length);
    via[0] = addressFamily(gateway);
    via.set(gateway.bytes, 2);
    writer.attributeBytes(k.RTA_VIA, via);
  }
}

export interface RouteFilter {
  readonly family: Family;
  readonly protocol?: number;
  /** The main table when absent. */
  readonly table?: number | 'all';
}

/** The unicast, blackhole, unreachable and prohibit routes of a table or of all, filtered in the kernel. */
export function listRoutes(
  socket: NetlinkSocket,
  { family, protocol, table = k.RT_TABLE_MAIN }: RouteFilter,
): Result<Route[]> {
  const routes: Route[] = [];
  const outcome = socket.dump(
    {
      operation: () => `list IPv${family} routes${protocol === undefined ? '' : ` of protocol ${protocol}`}`,
      encode: (writer) => {
        const fixed = writer.begin(k.RTM_GETROUTE, k.NLM_F_REQUEST, message.size);
        writer.setUint8(fixed + message.rtm_family, family === 4 ? k.AF_INET : k.AF_INET6);
        writer.setUint8(fixed + message.rtm_protocol, protocol ?? 0);
        // A dump without a table is one of all.
        writer.setUint8(fixed + message.rtm_table, table !== 'all' && table < 256 ? table : 0);
        if (table !== 'all' && table >= 256) writer.attributeUint32(k.RTA_TABLE, table);
      },
    },
    () => {
      routes.length = 0;
    },
    (answer) => {
      if (answer.type !== k.RTM_NEWROUTE) return;
      const route = parseRoute(answer);
      if (!route || (protocol !== undefined && route.protocol !== protocol)) return;
      if (table === 'all' || route.table === table) routes.push(route);
    },
  );
  // A table that was never used does not exist, which strict checking reports as an error.
  if (!outcome.ok && outcome.error.code === 'ENOENT') return { ok: true, value: [] };
  return outcome.ok ? { ok: true, value: routes } : outcome;
}

function parseRoute({
  view,
  bytes,
  start,
  end,
}: Parameters<Parameters<NetlinkSocket['dump']>[2]>[0]): Route | undefined {
  const type = typeNames.get(bytes[start + message.rtm_type]);
  if (!type) return undefined;
  const family: Family = bytes[start + message.rtm_family] === k.AF_INET ? 4 : 6;
  let destination: Uint8Array | undefined;
  let table = bytes[start + message.rtm_table];
  let metric = 0;
  let source: Address | undefined;
  let gateway: Address | undefined;
  let interfaceIndex: number | undefined;
  const nextHops: NextHop[] = [];
  const read = (offset: number, size: number) => addressFromBytes(bytes.slice(offset, offset + size));
  forEachAttribute(view, start + message.size, end, (attribute, offset, size) => {
    switch (attribute) {
      case k.RTA_DST:
        destination = bytes.slice(offset, offset + size);
        break;
      case k.RTA_TABLE:
        table = view.getUint32(offset, true);
        break;
      case k.RTA_PRIORITY:
        metric = view.getUint32(offset, true);
        break;
      case k.RTA_PREFSRC:
        source = read(offset, size);
        break;
      case k.RTA_GATEWAY:
        gateway = read(offset, size);
        break;
      case k.RTA_VIA:
        gateway = read(offset + 2, size - 2);
        break;
      case k.RTA_OIF:
        interfaceIndex = view.getUint32(offset, true);
        break;
      case k.RTA_MULTIPATH:
        for (let at = offset; at + nexthop.size <= offset + size; ) {
          const length = view.getUint16(at + nexthop.rtnh_len, true);
          if (length < nexthop.size) break;
          let hopGateway: Address | undefined;
          forEachAttribute(view, at + nexthop.size, at + length, (inner, innerOffset, innerSize) => {
            if (inner === k.RTA_GATEWAY) hopGateway = read(innerOffset, innerSize);
            else if (inner === k.RTA_VIA) hopGateway = read(innerOffset + 2, innerSize - 2);
          });
          nextHops.push({
            gateway: hopGateway,
            interfaceIndex: view.getInt32(at + nexthop.rtnh_ifindex, true),
            onlink: (bytes[at + nexthop.rtnh_flags] & k.RTNH_F_ONLINK) !== 0,
            weight: bytes[at + nexthop.rtnh_hops] + 1,
          });
          at += (length + 3) & ~3;
        }
        break;
    }
  });
  if (type === 'unicast' && nextHops.length === 0) {
    const onlink = (view.getUint32(start + message.rtm_flags, true) & k.RTNH_F_ONLINK) !== 0;
    nextHops.push({ gateway, interfaceIndex, onlink });
  }
  const address = addressFromBytes(destination ?? new Uint8Array(bitsOf(family) / 8));
  return {
    prefix: { address, length: bytes[start + message.rtm_dst_len] },
    type,
    nextHops,
    protocol: bytes[start + message.rtm_protocol],
    metric,
    table,
    source,
  };
}
