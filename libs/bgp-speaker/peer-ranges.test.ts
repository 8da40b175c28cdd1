import { expect, it } from 'vitest';
import type { PeerConfig } from './config.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

const range = (changes: Partial<PeerConfig> = {}): PeerConfig => ({
  ...peer('tors', '', 65001),
  peerAddress: undefined,
  peerPrefix: '10.0.0.0/24',
  peerAs: { min: 65001, max: 65009 },
  ...changes,
});

/** A speaker with peers by prefix, and what makes others that connect to it. */
function topology(peers: PeerConfig[], changes: Parameters<typeof speakerAt>[2] = {}) {
  const world = new FakeWorld();
  const middle = speakerAt(world, '10.0.0.100', changes).speaker;
  const configure = (next: PeerConfig[]) => middle.configure(config(65010, '10.0.0.100', next, ['10.7.0.0/16']));
  configure(peers);
  const join = (address: string, as: number, own: Partial<PeerConfig> = {}) => {
    const { speaker } = speakerAt(world, address);
    const neighbour = peer('middle', '10.0.0.100', 65010, own);
    speaker.configure(config(as, address, [neighbour], [`10.${address.split('.')[3]}.0.0/16`]));
    world.advance(10_000);
    return speaker;
  };
  const names = () => middle.status().map(({ name, state }) => `${name} ${state}`);
  return { world, middle, configure, join, names };
}

it('gives each peer of the prefix a session, which is gone with it', () => {
  const { world, middle, join, names } = topology([range()]);
  expect(names()).toEqual([]);
  const [first, second] = [join('10.0.0.1', 65001), join('10.0.0.2', 65002)];
  expect(names()).toEqual(['tors/10.0.0.1 Established', 'tors/10.0.0.2 Established']);
  expect(middle.status()[1]).toMatchObject({ range: 'tors', address: '10.0.0.2', asNumber: 65002, received: 1 });
  expect(first.routes('middle')?.map(({ prefix }) => prefix)).toEqual(['10.7.0.0/16', '10.2.0.0/16']);
  expect(middle.ranges()).toEqual([
    { name: 'tors', prefix: '10.0.0.0/24', asNumber: 0, sessions: 2, sessionLimit: 100 },
  ]);
  second.stop();
  world.advance(1000);
  expect(names()).toEqual(['tors/10.0.0.1 Established']);
  expect(middle.routes()?.map(({ prefix }) => prefix)).toEqual(['10.7.0.0/16', '10.1.0.0/16']);
  // Neither another AS, nor an address outside, nor one that says nothing stays.
  expect(join('10.0.0.3', 65010).status()[0].lastError).toContain('Bad Peer AS');
  expect(join('10.0.1.4', 65001).status()[0].state).not.toBe('Established');
  const silent = world.dial('10.0.0.5', '10.0.0.100');
  expect(names()).toContain('tors/10.0.0.5 OpenSent');
  silent.connection.close();
  world.advance(100);
  expect(names()).toEqual(['tors/10.0.0.1 Established']);
});

it('makes no more sessions than the limit says, and more when one is gone', () => {
  const { world, join, names, configure } = topology([range({ sessionLimit: 1 })]);
  const first = join('10.0.0.1', 65001);
  const second = join('10.0.0.2', 65002);
  expect(names()).toEqual(['tors/10.0.0.1 Established']);
  first.stop();
  world.advance(10_000);
  expect(names()).toEqual(['tors/10.0.0.2 Established']);
  const since = second.status()[0].sinceMs;
  join('10.0.0.3', 65003);
  expect(names()).toEqual(['tors/10.0.0.2 Established']);
  // Another limit is applied while sessions stand.
  configure([range({ sessionLimit: 2 })]);
  world.advance(10_000);
  expect(names()).toEqual(['tors/10.0.0.2 Established', 'tors/10.0.0.3 Established']);
  expect(second.status()[0].sinceMs).toBe(since);
});

it('takes the most specific prefix, and a peer with an address before all', () => {
  const { world, join, names, configure } = topology([
    range(),
    range({ name: 'narrow', peerPrefix: '10.0.0.0/30', peerAs: 65001 }),
    peer('own', '10.0.0.3', 65003),
  ]);
  join('10.0.0.1', 65001);
  join('10.0.0.3', 65003);
  join('10.0.0.4', 65004);
  expect(names().sort()).toEqual(['narrow/10.0.0.1 Established', 'own Established', 'tors/10.0.0.4 Established']);
  // The peer gets an address of its own in the configuration: its session is another one.
  configure([range(), peer('fourth', '10.0.0.4', 65004)]);
  world.advance(20_000);
  expect(names().sort()).toEqual(['fourth Established', 'tors/10.0.0.1 Established', 'tors/10.0.0.3 Established']);
  configure([range({ shutdown: {} })]);
  world.advance(20_000);
  expect(names()).toEqual([]);
});

it('applies another policy to the sessions that there are, and ends them with their prefix', () => {
  const { world, middle, join, names, configure } = topology([range()]);
  const first = join('10.0.0.1', 65001);
  const { sinceMs } = middle.status()[0];
  configure([range({ exportAction: 'Reject' })]);
  world.advance(1000);
  expect(first.routes('middle')).toEqual([]);
  expect(middle.status()[0].sinceMs).toBe(sinceMs);
  expect([...(middle.plan(config(65010, '10.0.0.100', [range()], ['10.7.0.0/16'])) ?? [])].flat()).toEqual([
    { kind: 'route', peer: 'tors/10.0.0.1', change: 'gains', prefix: '10.7.0.0/16' },
  ]);
  configure([]);
  world.advance(1000);
  expect(names()).toEqual([]);
  expect(first.status()[0].lastError).toContain('Peer De-configured');
});

it('keeps the routes of a peer that restarts, and the peer with them', () => {
  const { world, middle, join, names } = topology([range()]);
  join('10.0.0.1', 65001).abandon();
  world.advance(1000);
  expect(middle.status()[0]).toMatchObject({ name: 'tors/10.0.0.1', restarting: true });
  expect(middle.routes('tors/10.0.0.1')?.[0]).toMatchObject({ prefix: '10.1.0.0/16', stale: true, best: true });
  // It is back in time.
  join('10.0.0.1', 65001);
  expect(names()).toEqual(['tors/10.0.0.1 Established']);
  expect(middle.routes('tors/10.0.0.1')?.[0]).toMatchObject({ stale: false });
  // And not.
  join('10.0.0.2', 65002).abandon();
  world.listen('10.0.0.2', () => {});
  world.advance(119_000);
  expect(names()).toEqual(['tors/10.0.0.1 Established', 'tors/10.0.0.2 Idle']);
  world.advance(2000);
  expect(names()).toEqual(['tors/10.0.0.1 Established']);
  expect(middle.routes()?.map(({ prefix }) => prefix)).toEqual(['10.7.0.0/16', '10.1.0.0/16']);
});

it('waits for those that were there before its own restart', () => {
  const restarted = { establishedPeers: ['tors/10.0.0.1', 'gone/10.0.0.9'] };
  const { middle, join, world } = topology([range()], { restarted });
  expect(middle.restarting).toBe(true);
  const other = join('10.0.0.2', 65002);
  expect(other.routes('middle')).toEqual([]);
  join('10.0.0.1', 65001);
  world.advance(1000);
  expect(middle.restarting).toBe(false);
  expect(other.routes('middle')?.map(({ prefix }) => prefix)).toEqual(['10.7.0.0/16', '10.1.0.0/16']);
});

it('refuses a peer that exceeded its prefix limit until its time is over', () => {
  const { world, middle, join, names } = topology([range({ prefixLimit: { maximum: 1, restartSeconds: 60 } })]);
  const first = join('10.0.0.1', 65001);
  first.configure(config(65001, '10.0.0.1', [peer('middle', '10.0.0.100', 65010)], ['10.1.0.0/16', '10.11.0.0/16']));
  world.advance(30_000);
  expect(middle.status()).toMatchObject([{ state: 'Idle', lastError: 'announces more than 1 ipv4Unicast prefixes' }]);
  first.configure(config(65001, '10.0.0.1', [peer('middle', '10.0.0.100', 65010)], ['10.1.0.0/16']));
  world.advance(60_000);
  expect(names()).toEqual(['tors/10.0.0.1 Established']);
});
