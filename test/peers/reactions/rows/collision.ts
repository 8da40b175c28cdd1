import type { Connection } from '../connection.ts';
import { ending } from '../outcome.ts';
import type { Peer } from '../peer.ts';
import type { Row } from '../row.ts';
import { keepalive, octets, types } from '../wire.ts';

const rfc = 'RFC 4271 6.8';
const listens = { listens: true } as const;
const lower = 0x09000001;
const higher = 0x0b000001;

/**
 * Both ends connect, and both connections reach OpenConfirm, ours or theirs first: answers which is kept, and how the
 * other one ends.
 */
async function collide(peer: Peer, first: 'ours' | 'theirs', identifier: number): Promise<string> {
  const ours = await peer.accept();
  await ours.next(types.open);
  const theirs = await peer.connect();
  await theirs.next(types.open);
  const order = first === 'ours' ? [ours, theirs] : [theirs, ours];
  for (const connection of order) await connection.send(peer.open({ identifier }));
  await Promise.race([ours, theirs].map((one) => one.until(() => one.closed || undefined, 'the end of one')));
  const [kept, lost] = ours.closed ? [theirs, ours] : [ours, theirs];
  await kept.send(octets(keepalive));
  if (!(await peer.settled(kept))) return `both ended: ${ending(kept)}, ${ending(lost)}`;
  return `${kept === ours ? 'its own' : "the peer's"} kept, ${ending(lost)}`;
}

const row = (name: string, first: 'ours' | 'theirs', identifier: number, reaction: string, asNumber = 65002): Row => ({
  name,
  rfc: identifier === 0x0a000001 ? 'RFC 6286 2.3' : rfc,
  peer: { ...listens, asNumber },
  play: (peer) => collide(peer, first, identifier),
  reaction,
});

async function second(peer: Peer, state: 'OpenConfirm' | 'Established'): Promise<string> {
  const connection = await peer.session(state);
  if (state === 'Established') await peer.settled(connection);
  const other: Connection = await peer.connect();
  await other.send(peer.open());
  await other.until(() => other.closed || undefined, 'the end of the second');
  if (state === 'OpenConfirm') await connection.send(octets(keepalive));
  return (await peer.settled(connection)) ? `first kept, ${ending(other)}` : `first ended: ${ending(connection)}`;
}

/** Two connections with one peer. */
export const collision: readonly Row[] = [
  row('a collision with a lower identifier, ours first', 'ours', lower, 'its own kept, NOTIFICATION 6/7'),
  row('a collision with a lower identifier, theirs first', 'theirs', lower, 'its own kept, NOTIFICATION 6/7'),
  row('a collision with a higher identifier, ours first', 'ours', higher, "the peer's kept, NOTIFICATION 6/7"),
  row('a collision with a higher identifier, theirs first', 'theirs', higher, "the peer's kept, NOTIFICATION 6/7"),
  row('a collision with our identifier and a higher AS', 'ours', 0x0a000001, "the peer's kept, NOTIFICATION 6/7"),
  row('a collision with our identifier and a lower AS', 'theirs', 0x0a000001, 'its own kept, NOTIFICATION 6/7', 64999),
  {
    name: 'a second connection beside an established one',
    rfc,
    play: (peer) => second(peer, 'Established'),
    reaction: 'first kept, NOTIFICATION 6/7',
  },
  {
    name: 'an outgoing connection that falls away while the incoming one goes on',
    rfc,
    peer: listens,
    play: async (peer) => {
      const ours = await peer.accept();
      await ours.next(types.open);
      const theirs = await peer.session('OpenConfirm');
      ours.close();
      await theirs.send(octets(keepalive));
      return (await peer.settled(theirs)) ? 'established' : ending(theirs);
    },
    reaction: 'established',
  },
  {
    name: 'a connection that the process starts',
    rfc: 'RFC 4271 8.2.2',
    peer: listens,
    play: async (peer) => {
      const ours = await peer.accept();
      await ours.next(types.open);
      await peer.proceed(ours);
      return (await peer.settled(ours)) ? 'established' : ending(ours);
    },
    reaction: 'established',
  },
  {
    name: 'a new attempt after a connection that the peer closed',
    rfc: 'RFC 4271 8.2.2',
    peer: listens,
    play: async (peer) => {
      (await peer.accept()).close();
      const again = await peer.accept();
      await again.next(types.open);
      await peer.proceed(again);
      return (await peer.settled(again)) ? 'established' : ending(again);
    },
    reaction: 'established',
  },
];
