import { parseAddress } from '@caracal/net';
import { expect, it } from 'vitest';
import type { PeerConfig } from './config.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

const byInterface = (name: string, as: PeerConfig['peerAs'], changes: Partial<PeerConfig> = {}): PeerConfig => {
  const { peerAddress: _, peerAs: __, ...rest } = peer(name, '', 1);
  return { ...rest, interface: 'eth0', peerAs: as, ...changes };
};

/** A speaker with a router on eth0 (AS 65003) and an internal peer. */
function topology(router: Partial<PeerConfig> = {}, heardFirst?: string) {
  const world = new FakeWorld();
  let heard = heardFirst;
  const middle = speakerAt(world, 'fe80::1%eth0', {
    routerOn: () => heard,
    localAddresses: (address) =>
      address.startsWith('fe80')
        ? { ipv6: parseAddress('fe80::1') }
        : { ipv4: parseAddress('10.0.0.1'), ipv6: parseAddress('2001:db8::1') },
  });
  world.listen('10.0.0.1', (connection) => middle.speaker.accept(connection));
  const outside = speakerAt(world, 'fe80::3%eth0', {
    routerOn: () => 'fe80::1',
    localAddresses: () => ({ ipv6: parseAddress('fe80::3') }),
  });
  const inside = speakerAt(world, '10.0.0.2');
  outside.speaker.configure(
    config(65003, '10.0.0.3', [byInterface('middle', 65001, router)], ['10.3.0.0/16', '2001:db8:3::/48']),
  );
  inside.speaker.configure(config(65001, '10.0.0.2', [peer('middle', '10.0.0.1', 65001)]));
  const peers = [byInterface('router', 'External'), peer('inside', '10.0.0.2', 65001, { passive: true })];
  middle.speaker.configure(config(65001, '10.0.0.1', peers, ['10.1.0.0/16']));
  return {
    world,
    middle,
    outside,
    inside,
    hear: (address: string) => {
      heard = address;
    },
  };
}

it('takes the router on an interface as a peer, and puts its link-local next hop on that interface', () => {
  const { world, middle, outside } = topology({}, 'fe80::3');
  world.advance(20_000);
  expect(middle.speaker.status()[0]).toMatchObject({ state: 'Established', address: 'fe80::3%eth0', asNumber: 65003 });
  expect(middle.routes.get('10.3.0.0/16')).toEqual(['fe80::3%eth0']);
  expect(outside.routes.get('10.1.0.0/16')).toEqual(['fe80::1%eth0']);
});

it('names its own address where a link-local next hop would go to another link', () => {
  const { world, inside } = topology({}, 'fe80::3');
  world.advance(20_000);
  expect(inside.routes.get('10.3.0.0/16')).toEqual(['10.0.0.1']);
  expect(inside.routes.get('2001:db8:3::/48')).toEqual(['2001:db8::1']);
});

it('waits for a router on the interface, and says so', () => {
  const { world, middle, hear } = topology({ passive: true });
  world.advance(2000);
  expect(middle.speaker.status()[0]).toMatchObject({
    state: 'Active',
    address: 'eth0',
    asNumber: 0,
    lastError: 'no router has been heard of on eth0',
  });
  hear('fe80::3');
  world.advance(10_000);
  expect(middle.speaker.status()[0].state).toBe('Established');
});

it('takes no peer of its own AS where an external one is wanted', () => {
  const world = new FakeWorld();
  const environment = (own: string, other: string) => ({
    routerOn: () => other,
    localAddresses: () => ({ ipv6: parseAddress(own) }),
  });
  const a = speakerAt(world, 'fe80::1%eth0', environment('fe80::1', 'fe80::2'));
  const b = speakerAt(world, 'fe80::2%eth0', environment('fe80::2', 'fe80::1'));
  a.speaker.configure(config(65001, '10.0.0.1', [byInterface('b', 'External')]));
  b.speaker.configure(config(65001, '10.0.0.2', [byInterface('a', 65001)]));
  world.advance(20_000);
  expect(a.speaker.status()[0]).toMatchObject({
    lastError: expect.stringContaining('Bad Peer AS: expected any but 65001, received 65001'),
  });
});
