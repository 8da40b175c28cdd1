import type { Connection } from './connection.ts';
import type { Peer } from './peer.ts';
import type { Row, SendRow } from './row.ts';
import { asPath, attribute, type Hex, hexOf, keepalive, octets, origin, reach6, route, types } from './wire.ts';

/** Marks the route that the peer had before the row's octets. */
const mark = attribute(0xc0, 8, 'fdea ffff');
const markText = '65002:65535';

/** Plays a row; answers with what happened, in the words of `Row.reaction`. */
export async function play(row: Row, peer: Peer): Promise<string> {
  if ('play' in row) return row.play(peer);
  const state = row.state ?? 'Established';
  const connection = await peer.session(state, row.open);
  if (state !== 'Established') {
    await connection.send(peer.octets(row.send), row.segment);
    return answered(peer, connection, row);
  }
  if (connection.closed) return ending(connection);
  const six = row.send.includes('P6');
  await connection.send(peer.octets(six ? ipv6(mark) : peer.plain('P4', mark, row.open)));
  if (!(await peer.settled(connection, row.open))) return `before: ${ending(connection)}`;
  await connection.send(peer.octets(row.send), row.segment);
  if (!(await peer.settled(connection, row.open))) return ending(connection);
  return routeState(row, peer, six);
}

function ipv6(extra: Hex): Hex {
  return route(`${reach6('P6')} ${origin} ${asPath} ${extra}`, '');
}

/** How a connection ended: with which NOTIFICATION, or without one. */
export function ending(connection: Connection): string {
  const { notification } = connection;
  if (!notification) return 'closed';
  const [code, subcode] = notification.body;
  return `NOTIFICATION ${code}/${subcode} ${hexOf(notification.body.subarray(2))}`.trim();
}

/** The answer in a state before Established: the connection ends, or a session comes of it. */
async function answered(peer: Peer, connection: Connection, row: SendRow): Promise<string> {
  const accepted = () => row.state === 'OpenSent' && connection.messages.some(({ type }) => type === types.keepalive);
  await connection.until(
    () => connection.closed || connection.notification !== undefined || accepted() || undefined,
    'an answer',
  );
  if (connection.closed || connection.notification) {
    await connection.until(() => connection.closed || undefined, 'the end of the connection');
    return ending(connection);
  }
  await connection.send(octets(keepalive));
  return (await peer.settled(connection, row.open)) ? 'established' : ending(connection);
}

async function routeState(row: SendRow, peer: Peer, six: boolean): Promise<string> {
  const views = await peer.process.received(peer.name);
  const candidates = views.filter(
    ({ family, prefix }) => family === (six ? 'ipv6Unicast' : 'ipv4Unicast') && !prefix.startsWith('11.'),
  );
  // Others announce what fills an UPDATE as well: which of them is best says nothing of this row.
  const own = `10.${peer.number >> 8}.${peer.number & 255}.0/24`;
  const view = candidates.find(({ prefix }) => prefix === own) ?? candidates[0];
  if (!view) return 'withdrawn';
  if (view.attributes.communities === markText) return 'untouched';
  if (view.excluded || !view.best) return 'unused';
  for (const name of row.lacks ?? []) if (name in view.attributes) return `used with ${name}`;
  for (const [name, text] of Object.entries(row.has ?? {})) {
    const shown = name === 'asPath' ? view.asPath : name === 'nextHop' ? view.nextHop : view.attributes[name];
    if (shown !== text) return `used with ${name} ${shown}`;
  }
  if (six) return 'used';
  const told = peer.collector.route(peer.prefix);
  if (!told) return 'used, not passed on';
  for (const [code, text] of Object.entries(row.told ?? {})) {
    const attribute = told.get(Number(code));
    if (attribute !== (text ?? undefined)) return `passed on with attribute ${code} ${attribute}`;
  }
  return 'used';
}

/** The peer's routes after the octets, as text; or how the session ended. */
export async function prefixesAfter(peer: Peer, send: Hex, segment?: number): Promise<string> {
  const connection = await peer.session();
  await connection.send(peer.octets(send), segment);
  if (!(await peer.settled(connection))) return ending(connection);
  const views = await peer.process.received(peer.name);
  const prefixes = views.map(({ prefix }) => prefix).filter((prefix) => !prefix.startsWith('11.'));
  return prefixes.sort().join(' ');
}

/** Whether what happened is what the row asks for; a NOTIFICATION without data stands for any data. */
export function matches(happened: string, asked: string): boolean {
  return happened === asked || (/^NOTIFICATION \d+\/\d+$/.test(asked) && happened.startsWith(`${asked} `));
}
