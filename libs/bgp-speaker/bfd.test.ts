import { ceaseErrors, errorCodes, messageTypes } from 'bgp-parser';
import { describe, expect, it } from 'vitest';
import type { BfdListener, BfdTarget } from './environment.ts';
import { Speaker } from './speaker.ts';
import { FakeWorld } from './testing/fake-environment.ts';

const times = { sendMs: 300, receiveMs: 300, multiplier: 3 };

/** Two speakers, the first with BFD towards the second; `paths` are the sessions that it has asked for. */
function start(notification = false) {
  const world = new FakeWorld();
  const paths: { target: BfdTarget; tell: BfdListener; ended: boolean }[] = [];
  const speaker = (own: number, other: number, bfd: boolean) => {
    const address = `10.0.0.${own}`;
    const made = new Speaker({
      ...world.environment(address),
      ...(bfd && {
        bfd: {
          watch: (target: BfdTarget, tell: BfdListener) => {
            const path = { target, tell, ended: false };
            paths.push(path);
            return () => {
              path.ended = true;
            };
          },
        },
      }),
    });
    world.listen(address, (connection) => made.accept(connection));
    made.configure({
      localAs: 65000 + own,
      routerId: address,
      listenPort: 179,
      originate: [{ prefix: `10.${own}.0.0/16` }],
      peers: [
        {
          name: 'other',
          peerAddress: `10.0.0.${other}`,
          peerAs: 65000 + other,
          holdTimeSeconds: 90,
          connectRetrySeconds: 5,
          passive: !bfd,
          families: ['ipv4Unicast'],
          importAction: 'Accept',
          exportAction: 'Accept',
          gracefulRestart: { mode: 'Restart', restartTimeSeconds: 120, notification },
          ...(bfd && { bfd: times }),
        },
      ],
      kernel: { enabled: false, protocol: 0 },
    });
    return made;
  };
  const far = speaker(2, 1, false);
  const near = speaker(1, 2, true);
  world.advance(100);
  const notifications = () =>
    world.connections.flatMap(([end]) =>
      end.sent.filter((message) => message[18] === messageTypes.notification).map((message) => [...message.slice(19)]),
    );
  return { world, paths, near, far, notifications, status: () => near.status()[0] };
}

describe('BFD with a peer', () => {
  it('begins with the session, and its state is shown', () => {
    const { paths, status } = start();
    expect(paths.map(({ target }) => target)).toEqual([{ local: '10.0.0.1', remote: '10.0.0.2', times }]);
    expect(status()).toMatchObject({ state: 'Established', bfd: 'Down' });
    paths[0].tell('Up');
    expect(status()).toMatchObject({ state: 'Established', bfd: 'Up' });
  });

  it('ends the session with a Cease when the path is dead (RFC 9384), with the routes, and a new one follows', () => {
    const { world, paths, near, far, notifications, status } = start();
    expect(near.routes('other')).toHaveLength(1);
    paths[0].tell('Up');
    paths[0].tell('Down', 'nothing heard for 900 ms');
    expect(notifications()).toEqual([[errorCodes.cease, ceaseErrors.bfdDown]]);
    expect(status()).toMatchObject({ state: 'Idle', lastError: 'BFD Down: nothing heard for 900 ms', received: 0 });
    expect(status().bfd).toBeUndefined();
    expect(paths[0].ended).toBe(true);
    world.advance(10);
    expect(far.routes('other')).toHaveLength(0);
    world.advance(10_000);
    expect(status()).toMatchObject({ state: 'Established', lastError: '' });
    expect(paths).toHaveLength(2);
  });

  it('resets hard where a NOTIFICATION alone would keep the routes (RFC 8538)', () => {
    const { world, paths, far, notifications } = start(true);
    paths[0].tell('Down', 'nothing heard for 900 ms');
    expect(notifications()).toEqual([[errorCodes.cease, ceaseErrors.hardReset, errorCodes.cease, ceaseErrors.bfdDown]]);
    world.advance(10);
    expect(far.routes('other')).toHaveLength(0);
  });

  it('does nothing while the path is not up yet, or when the peer was told to stop, and ends with the session', () => {
    const { paths, near, notifications, status } = start();
    paths[0].tell('Init');
    paths[0].tell('Up');
    paths[0].tell('Down');
    expect(status()).toMatchObject({ state: 'Established', bfd: 'Down' });
    expect(notifications()).toEqual([]);
    near.abandon();
    expect(paths[0].ended).toBe(true);
  });
});
