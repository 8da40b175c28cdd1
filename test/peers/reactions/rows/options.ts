import { ending } from '../outcome.ts';
import type { Row } from '../row.ts';
import {
  asPath,
  attribute,
  capabilities,
  type Hex,
  hexOf,
  keepalive,
  mandatory,
  message,
  nextHop,
  octets,
  origin,
  rawMessage,
  route,
  routeRefresh,
  types,
  update,
} from '../wire.ts';

const { ipv4, ipv6, fourOctetAs, extendedMessage, enhancedRouteRefresh } = capabilities;
const plain = [ipv4, ipv6, capabilities.routeRefresh, fourOctetAs(65002)];
const long = { open: { capabilities: [...plain, extendedMessage] } } as const;
const weOffer = { peer: { spec: { extendedMessages: true } } } as const;
const many = (count: number): Hex => `P4 ${'18 c63364'.repeat(count)}`;

/** Extended messages (RFC 8654). */
export const extendedMessages: readonly Row[] = [
  {
    ...long,
    ...weOffer,
    name: 'an UPDATE of 5000 octets',
    rfc: 'RFC 8654 4',
    send: route(mandatory, many(1240)),
    reaction: 'used',
  },
  {
    ...long,
    ...weOffer,
    name: 'an UPDATE of 65535 octets, in segments of 1000',
    rfc: 'RFC 8654 4',
    send: route(`${mandatory} ${attribute(0xc0, 8, 'fdea0001')}`, `${many(16_368)} 10 0a0b`),
    segment: 1000,
    reaction: 'used',
  },
  {
    ...weOffer,
    name: 'an UPDATE of 4097 octets that the peer has not agreed on',
    rfc: 'RFC 8654 4',
    send: rawMessage(4097, types.update),
    reaction: 'NOTIFICATION 1/2 1001',
  },
  {
    ...long,
    name: 'an UPDATE of 4097 octets that we have not agreed on',
    rfc: 'RFC 8654 4',
    send: rawMessage(4097, types.update),
    reaction: 'NOTIFICATION 1/2 1001',
  },
  {
    ...long,
    ...weOffer,
    name: 'an OPEN of 5000 octets',
    rfc: 'RFC 8654 4',
    send: rawMessage(5000, types.open),
    reaction: 'NOTIFICATION 1/2 1388',
  },
  {
    ...long,
    ...weOffer,
    name: 'a KEEPALIVE of 5000 octets',
    rfc: 'RFC 8654 4',
    send: rawMessage(5000, types.keepalive),
    reaction: 'NOTIFICATION 1/2 1388',
  },
];

const enhanced = { open: { capabilities: [...plain, enhancedRouteRefresh] } } as const;
const begin = routeRefresh(1, 1, 1);
const end = routeRefresh(1, 1, 2);
const tooLong = message(types.routeRefresh, '0001 01 01 00');
const endTooLong = message(types.routeRefresh, '0001 02 01 00');
const tooShort = message(types.routeRefresh, '0001 00');
const again = route(mandatory);

/** Enhanced route refresh (RFC 7313). */
export const enhancedRefresh: readonly Row[] = [
  {
    ...enhanced,
    name: 'a begin of refresh of 5 octets',
    rfc: 'RFC 7313 5',
    send: tooLong,
    reaction: `NOTIFICATION 7/1 ${hexOf(octets(tooLong))}`,
  },
  {
    ...enhanced,
    name: 'an end of refresh of 5 octets',
    rfc: 'RFC 7313 5',
    send: endTooLong,
    reaction: `NOTIFICATION 7/1 ${hexOf(octets(endTooLong))}`,
  },
  {
    ...enhanced,
    name: 'a ROUTE-REFRESH of 3 octets where markers were agreed on',
    rfc: 'RFC 7313 5',
    send: tooShort,
    reaction: `NOTIFICATION 7/1 ${hexOf(octets(tooShort))}`,
  },
  {
    ...enhanced,
    name: 'a refresh that says nothing of a route',
    rfc: 'RFC 7313 4.2',
    send: `${begin} ${end}`,
    reaction: 'withdrawn',
  },
  {
    ...enhanced,
    name: 'a refresh that says a route again',
    rfc: 'RFC 7313 4.2',
    send: `${begin} ${again} ${end}`,
    reaction: 'used',
  },
  {
    ...enhanced,
    name: 'a refresh that begins twice',
    rfc: 'RFC 7313 4.2',
    send: `${begin} ${again} ${begin} ${again} ${end}`,
    reaction: 'used',
  },
  { ...enhanced, name: 'a refresh that only begins', rfc: 'RFC 7313 4.2', send: begin, reaction: 'untouched' },
  { ...enhanced, name: 'a refresh that only ends', rfc: 'RFC 7313 4.2', send: end, reaction: 'untouched' },
  {
    ...enhanced,
    name: 'a refresh of another family',
    rfc: 'RFC 7313 4.2',
    send: `${routeRefresh(2, 1, 1)} ${routeRefresh(2, 1, 2)}`,
    reaction: 'untouched',
  },
  {
    ...enhanced,
    name: 'a refresh of a family that was not agreed on',
    rfc: 'RFC 7313 4.2',
    send: `${routeRefresh(25, 70, 1)} ${routeRefresh(25, 70, 2)}`,
    reaction: 'untouched',
  },
  {
    name: 'the markers of a refresh where they were not agreed on',
    rfc: 'RFC 7313 4',
    send: `${begin} ${end}`,
    reaction: 'untouched',
  },
  {
    name: 'a request that is answered between markers',
    rfc: 'RFC 7313 4.1',
    peer: { spec: { filters: ['all'] } },
    play: async (peer) => {
      const connection = await peer.session('Established', enhanced.open);
      await peer.settled(connection);
      const from = connection.messages.length;
      await connection.send(octets(routeRefresh(1, 1)));
      const marks = () => connection.messages.slice(from).filter(({ type }) => type === types.routeRefresh);
      await connection.until(() => marks().length >= 2 || connection.closed || undefined, 'both markers');
      return (
        marks()
          .map(({ body }) => hexOf(body))
          .join(' ') || ending(connection)
      );
    },
    reaction: '00010101 00010201',
  },
];

/** What is configured for one peer. */
export const peerOptions: readonly Row[] = [
  {
    name: 'more prefixes than the peer may announce',
    rfc: 'RFC 4486 4',
    peer: { spec: { prefixLimit: { maximum: 4 } } },
    send: route(mandatory, '18 c63364 18 c63365 18 c63366'),
    reaction: 'NOTIFICATION 6/1',
  },
  {
    name: 'as many prefixes as the peer may announce',
    rfc: 'RFC 4486 4',
    peer: { spec: { prefixLimit: { maximum: 4 } } },
    send: `${route(mandatory, '18 c63364 18 c63365')} ${update({ withdrawn: '18 c63364' })} ${route(mandatory, 'P4 18 c63366')}`,
    reaction: 'used',
  },
  {
    name: 'our own AS once in the path, which is allowed',
    rfc: 'RFC 4271 9.1.2',
    peer: { spec: { numAllowedLocalASNumbers: 1 } },
    send: route(`${origin} ${attribute(0x40, 2, '02 02 0000fdea 0000fde9')} ${nextHop}`),
    reaction: 'used',
  },
  {
    name: 'our own AS twice in the path, of which one is allowed',
    rfc: 'RFC 4271 9.1.2',
    peer: { spec: { numAllowedLocalASNumbers: 1 } },
    send: route(`${origin} ${attribute(0x40, 2, '02 03 0000fdea 0000fde9 0000fde9')} ${nextHop}`),
    reaction: 'unused',
  },
  {
    name: 'a connection of a peer that is shut down',
    rfc: 'RFC 4271 8.2.2',
    peer: { spec: { shutdown: { message: 'maintenance' } } },
    play: async (peer) => {
      const connection = await peer.connect();
      await connection.send(octets(keepalive));
      await connection.until(() => connection.closed || undefined, 'the end');
      return connection.messages.some(({ type }) => type === types.open) ? 'an OPEN' : 'no session';
    },
    reaction: 'no session',
  },
  {
    name: 'an IPv4 route beside one of a family that the peer does not have',
    rfc: 'RFC 4760 8',
    peer: { spec: { families: ['ipv6Unicast'] } },
    play: async (peer) => {
      const connection = await peer.session();
      await connection.send(peer.octets(route(`${origin} ${asPath} ${nextHop}`)));
      // Nothing is told of it, so that there is no barrier but the answer to something that ends the session.
      await connection.send(octets(message(9)));
      await connection.until(() => connection.closed || undefined, 'the end');
      return ending(connection);
    },
    reaction: 'NOTIFICATION 1/3 09',
  },
];
