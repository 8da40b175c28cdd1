import type { PeerConfig, SpeakerConfig } from '../config.ts';
import type { SpeakerEnvironment } from '../environment.ts';
import { Speaker } from '../speaker.ts';
import type { FakeWorld } from './fake-environment.ts';

/** A peer with defaults. */
export const peer = (name: string, address: string, as: number, changes: Partial<PeerConfig> = {}): PeerConfig => ({
  name,
  peerAddress: address,
  peerAs: as,
  holdTimeSeconds: 9,
  connectRetrySeconds: 5,
  passive: false,
  families: ['ipv4Unicast', 'ipv6Unicast'],
  importAction: 'Accept',
  exportAction: 'Accept',
  ...changes,
});

export const config = (as: number, routerId: string, peers: PeerConfig[], originate: string[] = []): SpeakerConfig => ({
  localAs: as,
  routerId,
  listenPort: 179,
  originate: originate.map((prefix) => ({ prefix })),
  peers,
  kernel: { enabled: false, protocol: 201 },
});

/** A speaker at an address that accepts connections. */
export function speakerAt(world: FakeWorld, address: string, changes: Partial<SpeakerEnvironment> = {}) {
  const routes = new Map<string, string[]>();
  const speaker = new Speaker({ ...world.environment(address, routes), ...changes });
  world.listen(address, (connection) => speaker.accept(connection));
  return { speaker, routes };
}
