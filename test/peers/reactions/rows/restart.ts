import type { Connection } from '../connection.ts';
import { ending } from '../outcome.ts';
import type { Peer } from '../peer.ts';
import type { Row } from '../row.ts';
import { capabilities, type Hex, notification, type OpenFields, octets, unreach6, update } from '../wire.ts';

const { ipv4, ipv6, routeRefresh, fourOctetAs, gracefulRestart } = capabilities;
const restarted = 0x8000;
const overNotification = 0x4000;
const kept4 = '0001 01 80';
const lost4 = '0001 01 00';
const only6 = '0002 01 80';

/** An OPEN with graceful restart: flags, restart time, and families with the forwarding bit. */
const withRestart = (flags: number, seconds: number, families: Hex): OpenFields => ({
  capabilities: [ipv4, ipv6, routeRefresh, fourOctetAs(65002), gracefulRestart(flags | seconds, families)],
});
const plain: OpenFields = {};
const endsOfRib = `${update({})} ${update({ attributes: unreach6('') })}`;

/** A session with the row's route, told to the collector. */
async function first(peer: Peer, fields: OpenFields): Promise<Connection> {
  const connection = await peer.session('Established', fields);
  await connection.send(peer.octets(peer.plain('P4')));
  await peer.settled(connection);
  return connection;
}

const held = (peer: Peer) => peer.collector.route(peer.prefix) !== undefined;
const gone = (peer: Peer) => peer.collector.until(() => !held(peer), 'the route goes');

interface Script {
  readonly before: OpenFields;
  /** Sent before the connection ends. */
  readonly last?: Hex;
  readonly after: OpenFields;
}

/** The session ends and comes back: answers whether the route was there then, and after End-of-RIB. */
async function comeBack(peer: Peer, { before, last, after }: Script): Promise<string> {
  const connection = await first(peer, before);
  if (last) {
    await connection.send(octets(last));
    await connection.until(() => connection.closed || undefined, 'the end');
  }
  connection.close();
  const again = await peer.session('Established', after);
  if (!(await peer.settled(again))) return `no session: ${ending(again)}`;
  // What is not kept goes when the session ends, or at once when it is back.
  const there = await Promise.race([
    gone(peer).then(
      () => false,
      () => true,
    ),
    peer.wait(1000).then(() => true),
  ]);
  if (!there) return 'withdrawn';
  await again.send(octets(endsOfRib));
  await gone(peer);
  return 'kept until End-of-RIB';
}

const row = (name: string, rfc: string, script: Script, reaction: string, spec: Record<string, unknown> = {}): Row => ({
  name,
  rfc,
  peer: { spec },
  play: (peer) => comeBack(peer, script),
  reaction,
});

const good = withRestart(0, 30, kept4);
const back = withRestart(restarted, 30, kept4);
const kept = 'kept until End-of-RIB';
const overCease = withRestart(overNotification, 30, kept4);
const notified = { gracefulRestart: { mode: 'Helper', notification: true } };

/** Graceful restart of the peer. */
export const restart: readonly Row[] = [
  row('a restart without a word', 'RFC 4724 4.2', { before: good, after: back }, kept),
  row('a connection that breaks without the R bit', 'RFC 4724 4.2', { before: good, after: good }, kept),
  row(
    'a restart in which forwarding was lost',
    'RFC 4724 4.2',
    { before: good, after: withRestart(restarted, 30, lost4) },
    'withdrawn',
  ),
  row(
    'a restart after which the family is not in the capability',
    'RFC 4724 4.2',
    { before: good, after: withRestart(restarted, 30, only6) },
    'withdrawn',
  ),
  row('a restart after which there is no capability', 'RFC 4724 4.2', { before: good, after: plain }, 'withdrawn'),
  row(
    'a connection that breaks without the capability',
    'RFC 4271 8.2.2',
    { before: plain, after: plain },
    'withdrawn',
  ),
  row(
    'a connection that breaks, of a peer that keeps another family',
    'RFC 4724 4.2',
    { before: withRestart(0, 30, only6), after: withRestart(restarted, 30, only6) },
    'withdrawn',
  ),
  row('a Cease before the restart', 'RFC 4724 4', { before: good, last: notification(6, 4), after: back }, 'withdrawn'),
  row(
    'a malformed message before the restart',
    'RFC 4724 4',
    { before: good, last: 'ff'.repeat(15) + '00'.repeat(4), after: back },
    'withdrawn',
  ),
  row(
    'a Cease where both keep routes over NOTIFICATIONs',
    'RFC 8538 4',
    { before: overCease, last: notification(6, 4), after: withRestart(restarted | overNotification, 30, kept4) },
    kept,
    notified,
  ),
  row(
    'a hard reset where both keep routes over NOTIFICATIONs',
    'RFC 8538 3.1',
    {
      before: overCease,
      last: notification(6, 9, '06 04'),
      after: withRestart(restarted | overNotification, 30, kept4),
    },
    'withdrawn',
    notified,
  ),
  row(
    'a Cease where we alone keep routes over NOTIFICATIONs',
    'RFC 8538 4',
    { before: good, last: notification(6, 4), after: back },
    'withdrawn',
    notified,
  ),
  {
    name: 'a peer that does not come back within its restart time',
    rfc: 'RFC 4724 4.2',
    play: async (peer) => {
      const connection = await first(peer, withRestart(0, 2, kept4));
      connection.close();
      await peer.wait(500);
      if (!held(peer)) return 'withdrawn at once';
      await gone(peer);
      return 'withdrawn';
    },
    reaction: 'withdrawn',
  },
  {
    name: 'a restart after which the route is announced again',
    rfc: 'RFC 4724 4.2',
    play: async (peer) => {
      (await first(peer, good)).close();
      const again = await peer.session('Established', back);
      await again.send(peer.octets(`${peer.plain('P4')} ${endsOfRib}`));
      if (!(await peer.settled(again))) return `no session: ${ending(again)}`;
      return held(peer) ? 'kept' : 'withdrawn';
    },
    reaction: 'kept',
  },
  {
    name: 'a new connection of a peer that restarts gracefully, beside its old one',
    rfc: 'RFC 4724 5',
    play: async (peer) => {
      const old = await first(peer, good);
      const again = await peer.session('Established', back);
      if (!(await peer.settled(again))) return `no session: ${ending(again)}`;
      await old.until(() => old.closed || undefined, 'the end of the old one');
      return `old one ${ending(old)}, route ${held(peer) ? 'kept' : 'withdrawn'}`;
    },
    reaction: 'old one closed, route kept',
  },
];
