export { addAddress, deleteAddress, type InterfaceAddress } from './addresses.ts';
export { type Conntrack, type FlowFilter, openConntrack } from './conntrack.ts';
export { getPeerCredentials, type PeerCredentials } from './credentials.ts';
export type { NetlinkError, Outcome, Result } from './errors.ts';
export { lockFile } from './file-lock.ts';
export { LinkReaper } from './link-reaper.ts';
export {
  deleteLink,
  type Ipv4Settings,
  type Link,
  type LinkChange,
  loopbackIndex,
  setLink,
  showLink,
  type VethSpec,
} from './links.ts';
export { type Neighbour, replaceNeighbour } from './neighbours.ts';
export { enterNetns, type Netns, type OpenedNetns, openNetns, warmThreadPool } from './netns.ts';
export { routeProtocols, routeProtocolsFile } from './protocols.ts';
export { redirectIncoming, setTokenBucket, type TokenBucket } from './qdiscs.ts';
export { openRouteSocket, type RouteSocket } from './route-socket.ts';
export { advertiseRouter } from './router-advertisement.ts';
export {
  addRoute,
  deleteRoute,
  type NextHop,
  type Route,
  type RouteFilter,
  type RouteKey,
  type RouteType,
  replaceRoute,
} from './routes.ts';
export { addSourceRule, type SourceRule } from './rules.ts';
export { openSetSocket, type SetChange, type SetSocket } from './sets.ts';
export type { BatchFailure, Request } from './socket.ts';
export { listSysctls, NamespaceSysctls, readSysctl, writeSysctl } from './sysctl.ts';
export { openTcpSocket, setTcpPassword, setTtl } from './tcp-options.ts';
export { openUdpSocket } from './udp-socket.ts';
