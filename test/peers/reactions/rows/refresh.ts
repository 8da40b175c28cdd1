import { ending } from '../outcome.ts';
import type { Peer } from '../peer.ts';
import type { Row } from '../row.ts';
import { type Hex, hexOf, message, type OpenFields, octets, routeRefresh, types } from '../wire.ts';

const peer = { spec: { filters: ['all'] } } as const;
/** 10.255.0.0/16, which the process originates. */
const originated = '100aff';

/** Sends what asks for the routes again; answers whether the originated one came again. */
async function refresh(of: Peer, send: Hex, fields: OpenFields = {}): Promise<string> {
  const connection = await of.session('Established', fields);
  const heard = () =>
    connection.messages.filter(({ type, body }) => type === types.update && hexOf(body).endsWith(originated)).length;
  await connection.until(() => heard() > 0 || connection.closed || undefined, 'the first routes');
  await of.settled(connection, fields);
  const before = heard();
  await connection.send(octets(send));
  if (!(await of.settled(connection, fields))) return ending(connection);
  // The answer may come behind the barrier's route, which another peer hears: wait for it when one is due.
  await connection.until(() => heard() > before || undefined, 'the routes again', 1).catch(() => undefined);
  return heard() > before ? 'told again' : 'nothing';
}

const row = (name: string, rfc: string, send: Hex, reaction: string): Row => ({
  name,
  rfc,
  peer,
  play: (of) => refresh(of, send),
  reaction,
});

/** ROUTE-REFRESH. */
export const routeRefreshMessage: readonly Row[] = [
  row('a ROUTE-REFRESH of IPv4', 'RFC 2918 4', routeRefresh(1, 1), 'told again'),
  row('a ROUTE-REFRESH of a family that was not agreed on', 'RFC 2918 4', routeRefresh(25, 70), 'nothing'),
  row('a ROUTE-REFRESH of IPv4 multicast', 'RFC 2918 4', routeRefresh(1, 2), 'nothing'),
  row('a ROUTE-REFRESH of subtype 3', 'RFC 7313 4.2', routeRefresh(1, 1, 3), 'nothing'),
  row('a ROUTE-REFRESH of subtype 255', 'RFC 7313 4.2', routeRefresh(1, 1, 255), 'nothing'),
  row(
    'a ROUTE-REFRESH with an outbound route filter that nobody asked for',
    'RFC 5291 5',
    message(types.routeRefresh, '0001 00 01 02 80 0005 00 00000001'),
    'told again',
  ),
  row('a hundred ROUTE-REFRESHes', 'RFC 2918 4', routeRefresh(1, 1).repeat(100), 'told again'),
  row('a ROUTE-REFRESH of 3 octets', 'RFC 4271 6.1', message(types.routeRefresh, '0001 00'), 'NOTIFICATION 1/2 0016'),
];
