import { ending } from '../outcome.ts';
import type { Peer } from '../peer.ts';
import type { Row } from '../row.ts';
import { keepalive, mandatory, notification, octets, open, route, routeRefresh, types, update } from '../wire.ts';

const rfc = 'RFC 6608 4';
const anUpdate = route(mandatory);
const aRefresh = routeRefresh(1, 1);

async function untilClosed(peer: Peer, state: 'OpenSent' | 'OpenConfirm' | 'Established', holdTime: number) {
  const connection = await peer.session(state, { holdTime });
  await connection.until(() => connection.closed || undefined, 'the end', 60);
  return ending(connection);
}

/** Messages in a state that does not expect them, silence, and NOTIFICATIONs. */
export const stateMachine: readonly Row[] = [
  { name: 'a KEEPALIVE in OpenSent', rfc, state: 'OpenSent', send: keepalive, reaction: 'NOTIFICATION 5/1 04' },
  { name: 'an UPDATE in OpenSent', rfc, state: 'OpenSent', send: anUpdate, reaction: 'NOTIFICATION 5/1 02' },
  { name: 'an empty UPDATE in OpenSent', rfc, state: 'OpenSent', send: update({}), reaction: 'NOTIFICATION 5/1 02' },
  { name: 'a ROUTE-REFRESH in OpenSent', rfc, state: 'OpenSent', send: aRefresh, reaction: 'NOTIFICATION 5/1 05' },
  { name: 'an UPDATE in OpenConfirm', rfc, state: 'OpenConfirm', send: anUpdate, reaction: 'NOTIFICATION 5/2 02' },
  {
    name: 'a ROUTE-REFRESH in OpenConfirm',
    rfc,
    state: 'OpenConfirm',
    send: aRefresh,
    reaction: 'NOTIFICATION 5/2 05',
  },
  { name: 'an OPEN in OpenConfirm', rfc, state: 'OpenConfirm', send: open({}), reaction: 'NOTIFICATION 5/2 01' },
  { name: 'an OPEN in Established', rfc, send: open({}), reaction: 'NOTIFICATION 5/3 01' },
  {
    name: 'an OPEN of another AS in Established',
    rfc,
    send: open({ asNumber: 65099 }),
    reaction: 'NOTIFICATION 5/3 01',
  },
  {
    name: 'a malformed UPDATE in OpenConfirm',
    rfc,
    state: 'OpenConfirm',
    send: update({ withdrawn: '21 0a00000100' }),
    reaction: 'NOTIFICATION 5/2 02',
  },
  {
    name: 'a malformed UPDATE in OpenSent',
    rfc,
    state: 'OpenSent',
    send: update({ attributesLength: 9 }),
    reaction: 'NOTIFICATION 5/1 02',
  },
  {
    name: 'a Cease in OpenSent',
    rfc: 'RFC 4271 8.2.2',
    state: 'OpenSent',
    send: notification(6, 2),
    reaction: 'closed',
  },
  {
    name: 'an unsupported version NOTIFICATION in OpenSent',
    rfc: 'RFC 4271 8.2.2',
    state: 'OpenSent',
    send: notification(2, 1, '0004'),
    reaction: 'closed',
  },
  {
    name: 'a Cease in OpenConfirm',
    rfc: 'RFC 4271 8.2.2',
    state: 'OpenConfirm',
    send: notification(6, 7),
    reaction: 'closed',
  },
  { name: 'a Cease in Established', rfc: 'RFC 4271 6.4', send: notification(6, 4), reaction: 'closed' },
  { name: 'a hold timer NOTIFICATION', rfc: 'RFC 4271 6.4', send: notification(4, 0), reaction: 'closed' },
  {
    name: 'a NOTIFICATION with an unknown code',
    rfc: 'RFC 4271 6.4',
    send: notification(99, 99, 'deadbeef'),
    reaction: 'closed',
  },
  {
    name: 'a Cease with an unknown subcode',
    rfc: 'RFC 4271 6.4',
    send: notification(6, 200),
    reaction: 'closed',
  },
  {
    name: 'a shutdown message that is longer than its NOTIFICATION',
    rfc: 'RFC 9003 3',
    send: notification(6, 2, 'ff 6869'),
    reaction: 'closed',
  },
  {
    name: 'a shutdown message that is no UTF-8',
    rfc: 'RFC 9003 3',
    send: notification(6, 2, '04 c3 28 80 ff'),
    reaction: 'closed',
  },
  {
    name: 'a NOTIFICATION of 4096 octets',
    rfc: 'RFC 4271 4.5',
    send: notification(6, 4, '00'.repeat(4096 - 21)),
    reaction: 'closed',
  },
  {
    name: 'silence in OpenConfirm until the hold timer expires',
    rfc: 'RFC 4271 6.5',
    play: (peer) => untilClosed(peer, 'OpenConfirm', 3),
    reaction: 'NOTIFICATION 4/0',
  },
  {
    name: 'silence in Established until the hold timer expires',
    rfc: 'RFC 4271 6.5',
    play: (peer) => untilClosed(peer, 'Established', 3),
    reaction: 'NOTIFICATION 4/0',
  },
  {
    name: 'half a message, and silence until the hold timer expires',
    rfc: 'RFC 4271 6.5',
    play: async (peer) => {
      const connection = await peer.session('Established', { holdTime: 3 });
      await connection.send(octets(anUpdate).subarray(0, 30));
      await connection.until(() => connection.closed || undefined, 'the end', 60);
      return ending(connection);
    },
    reaction: 'NOTIFICATION 4/0',
  },
  {
    name: 'a hold time of 3 with a KEEPALIVE every second',
    rfc: 'RFC 4271 4.4',
    play: async (peer) => {
      const connection = await peer.session('Established', { holdTime: 3 });
      for (let i = 0; i < 6 && !connection.closed; i++) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        await connection.send(octets(keepalive));
      }
      if (!(await peer.settled(connection))) return ending(connection);
      // A third of the hold time: in six seconds at least four came.
      const heard = connection.messages.filter(({ type }) => type === types.keepalive).length;
      return heard >= 4 ? 'kept' : `heard ${heard} KEEPALIVEs`;
    },
    reaction: 'kept',
  },
  {
    name: 'UPDATEs in place of KEEPALIVEs',
    rfc: 'RFC 4271 8.2.2',
    play: async (peer) => {
      const connection = await peer.session('Established', { holdTime: 3 });
      for (let i = 0; i < 6 && !connection.closed; i++) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        await connection.send(peer.octets(i % 2 === 0 ? anUpdate : update({ withdrawn: 'P4' })));
      }
      return (await peer.settled(connection)) ? 'kept' : ending(connection);
    },
    reaction: 'kept',
  },
  {
    name: 'a connection of no configured peer',
    rfc: 'RFC 4271 8.2.1',
    play: async (peer) => {
      const { Connection } = await import('../connection.ts');
      const connection = await Connection.open('127.99.0.1', peer.process.port);
      await connection.until(() => connection.closed || undefined, 'the end');
      return connection.messages.length === 0 ? 'closed' : connection.summary();
    },
    reaction: 'closed',
  },
  {
    name: 'a connection that ends without a word, and a new one',
    rfc: 'RFC 4271 8.2.2',
    play: async (peer) => {
      const first = await peer.session();
      await first.send(peer.octets(peer.plain('P4')));
      await peer.settled(first);
      first.close();
      await peer.collector.until(() => peer.collector.route(peer.prefix) === undefined, 'the route goes');
      const second = await peer.session();
      return (await peer.settled(second)) ? 'established' : ending(second);
    },
    reaction: 'established',
  },
];
