import { encodeMessage, initialContext, type Message, type Open } from 'bgp-parser';
import { describe, expect, it } from 'vitest';
import type { GracefulRestartConfig } from './config.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

const bytes = (message: Message) => encodeMessage(message, initialContext);
const unicast = { afi: 1, safi: 1 };

/** The OPEN of a peer in AS 64512 that restarts gracefully, for IPv4 alone. */
function openOf(restart: { restarting?: boolean; kept?: boolean; notification?: boolean; none?: boolean }): Open {
  const { restarting = false, kept = true, notification = false, none = false } = restart;
  return {
    type: 'open',
    asNumber: 64512,
    holdTimeSeconds: 90,
    bgpIdentifier: 0x0a000002,
    capabilities: [
      { name: 'fourOctetAs', asNumber: 64512 },
      { name: 'multiprotocol', ...unicast },
      ...(none
        ? []
        : [
            {
              name: 'gracefulRestart' as const,
              restarting,
              notification,
              restartTimeSeconds: 20,
              families: [{ ...unicast, forwardingKept: kept }],
            },
          ]),
    ],
  };
}

/** An UPDATE with the prefix 10.N.0.0/16 from AS 64512. */
const announce = (second: number) =>
  Uint8Array.from([
    ...new Array(16).fill(0xff),
    ...[0, 46, 2, 0, 0, 0, 20, 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfc, 0, 0x40, 3, 4, 10, 0, 0, 2, 16, 10, second],
  ]);
const endOfRib = Uint8Array.from([...new Array(16).fill(0xff), 0, 23, 2, 0, 0, 0, 0]);

/** A speaker at 10.0.0.1, and a peer at 10.0.0.2 that the test plays. */
function start(gracefulRestart?: Partial<GracefulRestartConfig>) {
  const world = new FakeWorld();
  const { speaker, routes } = speakerAt(world, '10.0.0.1');
  const whole = gracefulRestart && { mode: 'Restart' as const, restartTimeSeconds: 120, ...gracefulRestart };
  const other = peer('p', '10.0.0.2', 64512, { passive: true, holdTimeSeconds: 90, gracefulRestart: whole });
  speaker.configure(config(65001, '10.0.0.1', [other]));
  const connect = (open: Open, ...more: Uint8Array[]) => {
    const dialled = world.dial('10.0.0.2', '10.0.0.1');
    for (const chunk of [bytes(open), bytes({ type: 'keepalive' }), ...more]) dialled.connection.write(chunk);
    world.advance(0);
    return dialled;
  };
  return { world, speaker, routes, connect, status: () => speaker.status()[0] };
}

describe('helping a peer that restarts', () => {
  it('keeps its routes until it has announced them again', () => {
    const { world, speaker, routes, connect, status } = start();
    const first = connect(openOf({}), announce(1), announce(2), endOfRib);
    expect([...routes.keys()]).toEqual(['10.1.0.0/16', '10.2.0.0/16']);
    first.connection.close();
    world.advance(19_000);
    expect(routes.size).toBe(2);
    expect(status()).toMatchObject({ restarting: true, received: 2 });
    expect(speaker.routes()?.map(({ stale }) => stale)).toEqual([true, true]);

    const second = connect(openOf({ restarting: true }), announce(1));
    world.advance(30_000);
    expect(speaker.routes()?.map(({ prefix, stale }) => `${prefix} ${stale}`)).toEqual([
      '10.1.0.0/16 false',
      '10.2.0.0/16 true',
    ]);
    second.connection.write(endOfRib);
    world.advance(0);
    expect([...routes.keys()]).toEqual(['10.1.0.0/16']);
    expect(status()).toMatchObject({ restarting: false, received: 1 });
  });

  it.each([
    { what: 'has not kept forwarding (no F bit)', open: openOf({ restarting: true, kept: false }) },
    { what: 'has the capability no more', open: openOf({ none: true }) },
  ])('lets them go when it is back and $what', ({ open }) => {
    const { world, routes, connect } = start();
    connect(openOf({}), announce(1), endOfRib).connection.close();
    world.advance(0);
    expect(routes.size).toBe(1);
    connect(open);
    expect(routes.size).toBe(0);
  });

  it('lets them go when it does not come back, and when it restarts again before it is done', () => {
    const { world, routes, connect, status } = start();
    connect(openOf({}), announce(1), announce(2), endOfRib).connection.close();
    world.advance(0);
    connect(openOf({ restarting: true }), announce(1)).connection.close();
    world.advance(0);
    expect([...routes.keys()]).toEqual(['10.1.0.0/16']);
    world.advance(21_000);
    expect(routes.size).toBe(0);
    expect(status().restarting).toBe(false);
  });

  it('waits for its End-of-RIB for six minutes, not for ever', () => {
    const { world, routes, connect } = start({});
    connect(openOf({}), announce(1), endOfRib).connection.close();
    world.advance(0);
    const second = connect(openOf({ restarting: true }));
    for (let i = 0; i < 13; i++) {
      world.advance(27_000);
      second.connection.write(bytes({ type: 'keepalive' }));
    }
    expect(routes.size).toBe(1);
    world.advance(20_000);
    expect(routes.size).toBe(0);
  });

  it('takes a new connection of a peer whose old one has not been missed yet', () => {
    const { world, routes, connect, status } = start();
    const first = connect(openOf({}), announce(1), endOfRib);
    world.advance(1000);
    // So soon it is a collision.
    const early = connect(openOf({}));
    expect([early.closed(), first.closed()]).toEqual([true, false]);
    world.advance(10_000);
    const second = connect(openOf({ restarting: true }), announce(1), endOfRib);
    expect([second.closed(), first.closed()]).toEqual([false, true]);
    expect(routes.size).toBe(1);
    expect(status()).toMatchObject({ state: 'Established', restarting: false });
  });

  it.each([
    { what: 'a NOTIFICATION', ours: false, theirs: true, subcode: 4, kept: 0 },
    { what: 'a NOTIFICATION that both agreed on', ours: true, theirs: true, subcode: 4, kept: 1 },
    { what: 'a hard reset', ours: true, theirs: true, subcode: 9, kept: 0 },
  ])('after $what: $kept routes stay (RFC 8538)', ({ ours, theirs, subcode, kept }) => {
    const { world, routes, connect } = start({ notification: ours });
    const { connection } = connect(openOf({ notification: theirs }), announce(1), endOfRib);
    connection.write(bytes({ type: 'notification', code: 6, subcode, data: new Uint8Array(0) }));
    world.advance(0);
    expect(routes.size).toBe(kept);
  });

  it('says a hard reset when it leaves for good', () => {
    const { speaker, world, connect } = start({ notification: true });
    const { received } = connect(openOf({ notification: true }));
    speaker.stop();
    world.advance(0);
    // Cease, Hard Reset, and in it Cease, Administrative Shutdown.
    expect([...(received.at(-1) ?? [])].slice(18)).toEqual([3, 6, 9, 6, 2]);
  });
});

it('between the marks of a refresh, what the peer does not announce again goes (RFC 7313)', () => {
  const { world, routes, connect } = start();
  const open = openOf({});
  const enhanced: Open = { ...open, capabilities: [...open.capabilities, { name: 'enhancedRouteRefresh' }] };
  const mark = (subtype: number) => bytes({ type: 'routeRefresh', subtype, ...unicast });
  const { connection } = connect(enhanced, announce(1), announce(2), endOfRib);
  for (const chunk of [mark(1), announce(1)]) connection.write(chunk);
  world.advance(0);
  expect(routes.size).toBe(2);
  connection.write(mark(2));
  world.advance(0);
  expect([...routes.keys()]).toEqual(['10.1.0.0/16']);
});

it('a refresh that does not end keeps stale routes for six minutes, however often it begins', () => {
  const { world, routes, connect } = start();
  const open = openOf({});
  const enhanced: Open = { ...open, capabilities: [...open.capabilities, { name: 'enhancedRouteRefresh' }] };
  const { connection } = connect(enhanced, announce(1), announce(2), endOfRib);
  const send = (...chunks: Uint8Array[]) => {
    for (const chunk of chunks) connection.write(chunk);
    world.advance(0);
  };
  const begin = bytes({ type: 'routeRefresh', subtype: 1, ...unicast });
  send(begin, announce(1));
  for (let minute = 0; minute < 6; minute++) {
    expect(routes.size).toBe(2);
    for (let part = 0; part < 3; part++) {
      send(bytes({ type: 'keepalive' }), begin);
      world.advance(20_000);
    }
  }
  expect([...routes.keys()]).toEqual(['10.1.0.0/16']);
  // One that begins after that has its own time.
  send(begin);
  world.advance(1000);
  expect(routes.size).toBe(1);
});

describe('after a restart', () => {
  const restarted = (world: FakeWorld, establishedPeers: string[]) =>
    speakerAt(world, '10.0.0.1', { restarted: { establishedPeers } });

  it('nothing is decided or announced until the peers of before have said all', () => {
    const world = new FakeWorld();
    const { speaker, routes } = restarted(world, ['b', 'c']);
    const b = speakerAt(world, '10.0.0.2');
    b.speaker.configure(config(65002, '10.0.0.2', [peer('a', '10.0.0.1', 65001)], ['10.2.0.0/16']));
    const peers = [2, 3].map((n) => peer('abc'[n - 1], `10.0.0.${n}`, 65000 + n));
    speaker.configure(config(65001, '10.0.0.1', peers, ['10.1.0.0/16']));
    world.advance(8000);
    expect(speaker.status().map(({ state }) => state)).toContain('Established');
    expect([speaker.restarting, routes.size, b.routes.size]).toEqual([true, 0, 0]);
    const c = speakerAt(world, '10.0.0.3');
    c.speaker.configure(config(65003, '10.0.0.3', [peer('a', '10.0.0.1', 65001)], ['10.3.0.0/16']));
    world.advance(8000);
    expect([...routes.keys()].sort()).toEqual(['10.2.0.0/16', '10.3.0.0/16']);
    expect([...b.routes.keys()].sort()).toEqual(['10.1.0.0/16', '10.3.0.0/16']);
    expect(b.speaker.awaited()).toEqual([]);
  });

  it('who was not there before, or is not back in time, is not waited for', () => {
    const world = new FakeWorld();
    const { speaker, routes } = restarted(world, ['gone']);
    const b = speakerAt(world, '10.0.0.2');
    b.speaker.configure(config(65002, '10.0.0.2', [peer('a', '10.0.0.1', 65001)], ['10.2.0.0/16']));
    const peers = [peer('b', '10.0.0.2', 65002), peer('gone', '10.0.0.9', 65009)];
    speaker.configure(config(65001, '10.0.0.1', peers));
    world.advance(29_000);
    expect(routes.size).toBe(0);
    world.advance(2000);
    expect(routes.size).toBe(1);
  });

  it('peers keep our routes over a planned end, and over none that is for good', () => {
    for (const [end, kept] of [
      ['abandon', 1],
      ['stop', 0],
    ] as const) {
      const world = new FakeWorld();
      const { speaker } = speakerAt(world, '10.0.0.1');
      const b = speakerAt(world, '10.0.0.2');
      speaker.configure(config(65001, '10.0.0.1', [peer('b', '10.0.0.2', 65002)], ['10.1.0.0/16']));
      b.speaker.configure(config(65002, '10.0.0.2', [peer('a', '10.0.0.1', 65001)]));
      world.advance(1000);
      expect(b.routes.size).toBe(1);
      speaker[end]();
      world.advance(0);
      expect(b.routes.size).toBe(kept);
    }
  });
});
