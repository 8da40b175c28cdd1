import { parseAddress } from '@caracal/net';
import { expect, it } from 'vitest';
import type { PeerConfig, SpeakerConfig } from './config.ts';
import type { SpeakerEnvironment } from './environment.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

/**
 * Speakers at 10.0.0.1, 10.0.0.2, … of the given ASes, each a peer of the first; `of` says what each end adds, and the
 * last what those after the second run on.
 */
function star(
  asNumbers: readonly number[],
  of: { center?: readonly Partial<PeerConfig>[]; outer?: readonly Partial<PeerConfig>[] },
  whole: Partial<SpeakerConfig> = {},
  othersEnvironment: Partial<SpeakerEnvironment> = {},
) {
  const world = new FakeWorld();
  const address = (i: number) => `10.0.0.${i + 1}`;
  const all = asNumbers.map((_, i) => speakerAt(world, address(i), i < 2 ? {} : othersEnvironment));
  const peers = asNumbers.slice(1).map((as, i) => peer(`p${i + 1}`, address(i + 1), as, of.center?.[i]));
  all[0].speaker.configure({ ...config(asNumbers[0], address(0), peers, ['10.1.0.0/16']), ...whole });
  for (const [i, as] of asNumbers.entries()) {
    if (i === 0) continue;
    const toCenter = peer('c', address(0), asNumbers[0], of.outer?.[i - 1]);
    all[i].speaker.configure(config(as, address(i), [toCenter], [`10.${i + 1}.0.0/16`]));
  }
  world.advance(3000);
  const view = (i: number, prefix: string) => all[i].speaker.routes()?.find((route) => route.prefix === prefix);
  return { world, all, view, center: all[0].speaker };
}

it('a reflector passes routes between clients, and between a client and the others, with its marks (RFC 4456)', () => {
  const clients = [{ reflectorClient: true }, {}, {}];
  const { all, view } = star(
    [65001, 65001, 65001, 65001],
    { center: clients },
    { clusterId: '192.0.2.99' },
    {
      // One next hop for the other two, so that their routes have the same attributes.
      localAddresses: () => ({ ipv4: parseAddress('10.0.0.99') }),
    },
  );
  // From the client 10.0.0.2 to both others, from them to the client alone.
  expect(all.map(({ routes }) => [...routes.keys()].sort())).toEqual([
    ['10.2.0.0/16', '10.3.0.0/16', '10.4.0.0/16'],
    ['10.1.0.0/16', '10.3.0.0/16', '10.4.0.0/16'],
    ['10.1.0.0/16', '10.2.0.0/16'],
    ['10.1.0.0/16', '10.2.0.0/16'],
  ]);
  // Each with the identifier of whom it comes from.
  expect(view(1, '10.3.0.0/16')).toMatchObject({
    nextHop: '10.0.0.99',
    attributes: { originatorId: '10.0.0.3', clusterList: '192.0.2.99' },
  });
  expect(view(1, '10.4.0.0/16')?.attributes.originatorId).toBe('10.0.0.4');
});

it('takes routes with its own AS in the path as often as it is allowed to', () => {
  const { all, view } = star([65001, 65002, 65002], { outer: [{ allowOwnAs: 1 }] });
  expect([...all[1].routes.keys()].sort()).toEqual(['10.1.0.0/16', '10.3.0.0/16']);
  expect(view(2, '10.2.0.0/16')?.excluded).toBe('own AS in path');
});

it('puts its own AS in place of the peer’s, and takes private ones out', () => {
  const override = star([65001, 65002, 65002], { center: [{ asOverride: true }] });
  expect(override.view(1, '10.3.0.0/16')).toMatchObject({ asPath: '65001 65001', excluded: '' });
  const removed = star([3000, 65002, 3003], { center: [{}, { removePrivateAs: true }] });
  expect(removed.view(2, '10.2.0.0/16')?.asPath).toBe('3000');
  expect(removed.view(1, '10.3.0.0/16')?.asPath).toBe('3000 3003');
});

it.each([
  ['Auto', '10.0.0.1', '10.0.0.2'],
  ['Self', '10.0.0.1', '10.0.0.1'],
  ['Keep', '10.0.0.2', '10.0.0.2'],
] as const)('next hop mode %s: %s to external peers, %s to internal ones', (nextHopMode, external, internal) => {
  const options = { nextHopMode };
  const { view } = star([65001, 65002, 65003, 65001], { center: [{}, options, options] });
  expect([view(2, '10.2.0.0/16')?.nextHop, view(3, '10.2.0.0/16')?.nextHop]).toEqual([external, internal]);
});

it('ends the session of a peer that announces too much, and begins anew when it may', () => {
  const world = new FakeWorld();
  const lines: string[] = [];
  const [a, b] = [
    speakerAt(world, '10.0.0.1', { log: (message) => void lines.push(message) }),
    speakerAt(world, '10.0.0.2'),
  ];
  const prefixLimit = { maximum: 4, warnPercent: 75, restartSeconds: 60 };
  a.speaker.configure(config(65001, '10.0.0.1', [peer('b', '10.0.0.2', 65002, { prefixLimit })]));
  const announce = (count: number) => {
    const prefixes = Array.from({ length: count }, (_, i) => `10.${i + 1}.0.0/16`);
    b.speaker.configure(config(65002, '10.0.0.2', [peer('a', '10.0.0.1', 65001)], prefixes));
    world.advance(1000);
  };
  announce(2);
  expect(lines).not.toContain('prefix limit is near');
  announce(3);
  announce(4);
  expect(lines.filter((line) => line === 'prefix limit is near')).toHaveLength(1);
  expect(a.routes.size).toBe(4);
  announce(5);
  expect(a.routes.size).toBe(0);
  expect(a.speaker.status()[0]).toMatchObject({
    state: 'Idle',
    lastError: 'announces more than 4 ipv4Unicast prefixes',
  });
  expect(b.speaker.status()[0].lastError).toBe('received Cease: Maximum Number of Prefixes Reached');
  announce(4);
  world.advance(40_000);
  expect(a.speaker.status()[0].state).toBe('Idle');
  world.advance(30_000);
  expect([a.speaker.status()[0].state, a.routes.size]).toEqual(['Established', 4]);
});

it('shuts a peer down with a message, and takes it up again', () => {
  const { world, all, center } = star([65001, 65002], {});
  const running = center.config;
  if (!running) throw new Error('no configuration');
  const [p] = running.peers;
  center.configure({ ...running, peers: [{ ...p, shutdown: { message: 'new cables' } }] });
  world.advance(60_000);
  expect(center.status()[0]).toMatchObject({ state: 'Idle', lastError: 'shut down: new cables' });
  expect(all[1].routes.size).toBe(0);
  expect(all[1].speaker.status()[0].lastError).toContain('Administrative Shutdown "new cables"');
  center.configure(running);
  world.advance(10_000);
  expect(center.status()[0].state).toBe('Established');
});

it('with long messages, attributes that fit no other are passed on (RFC 8654)', () => {
  const communities = Array.from({ length: 1200 }, (_, i) => `65001:${i}`);
  const originate = [{ prefix: '10.1.0.0/16', communities }];
  const long = { extendedMessages: true };
  for (const [outer, told] of [
    [long, 1],
    [{}, 0],
  ] as const) {
    const { all } = star([65001, 65002], { center: [long], outer: [outer] }, { originate });
    expect(all[1].routes.size).toBe(told);
  }
});
