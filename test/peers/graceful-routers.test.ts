// Graceful restart (RFC 4724) with FRR and GoBGP, in both roles: what forwards before goes on forwarding.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Netns } from '../support/netns.ts';
import type { Router } from '../support/routers/index.ts';
import { createRoutersWorld, type RoutersWorld } from './routers-world.ts';
import { eventually, type TestSpeaker } from './speaker.ts';
import { withoutLoss } from './without-loss.ts';

const kinds = ['FRR', 'GoBGP'] as const;
const ownPrefix = '10.244.1.0/26';
const ours = '10.244.1.1';
const theirs = kinds.map((_, index) => ({ prefix: `10.5.${index}.0/24`, address: `10.5.${index}.1` }));

let world: RoutersWorld;
let netns: Netns;
let speaker: TestSpeaker;
let routers: Router[];

beforeAll(async () => {
  world = await createRoutersWorld();
  netns = world.nearNetns;
  speaker = world.near;
  await netns.run('ip', ['address', 'add', `${ours}/32`, 'dev', 'lo']);
  const starts = kinds.map((kind, index) => {
    const link = index + 1;
    return world.addRouter({
      kind,
      number: link,
      nextTo: ['near'],
      description: {
        as: 64512 + index,
        routerId: `10.99.${link}.2`,
        neighbors: [{ address: `10.99.${link}.1`, as: 65001, families: [4] }],
        routes: [{ prefix: theirs[index].prefix }],
        forwards: kind === 'FRR',
      },
      async prepare(space) {
        await space.run('ip', ['address', 'add', `${theirs[index].address}/32`, 'dev', 'lo']);
        // GoBGP alone has nothing to do with the kernel: its tables are looked at, and the way back stands.
        if (kind === 'GoBGP') await space.run('ip', ['route', 'add', ownPrefix, 'via', `10.99.${link}.1`]);
      },
    });
  });
  await Promise.all([...starts, speaker.start()]);
  routers = world.routers();
  await speaker.configure({
    localAs: 65001,
    routerId: '10.99.0.1',
    originate: [{ prefix: ownPrefix }],
    peers: kinds.map((kind, index) => ({
      name: kind,
      peerAddress: `10.99.${index + 1}.2`,
      peerAs: 64512 + index,
      connectRetrySeconds: 1,
      families: ['ipv4Unicast'],
    })),
  });
  await settled();
});
afterAll(() => world?.remove());

/** Both sides have the other's routes, fresh, and the kernels that follow them do. */
const settled = () =>
  eventually(async () => {
    for (const [index, router] of routers.entries()) {
      expect((await speaker.peers())[index]).toMatchObject({ state: 'Established', restarting: false });
      expect(await router.route(ownPrefix)).toMatchObject({ asPath: '65001' });
      expect((await router.route(ownPrefix))?.stale).not.toBe(true);
      expect(await netns.run('ip', ['route'])).toContain(`${theirs[index].prefix} via 10.99.${index + 1}.2`);
      expect(await router.netns.run('ip', ['route'])).toContain(`${ownPrefix} `);
    }
    return true;
  }, 'routes on both sides');

/** Both ways over each link. */
const bothWays = () =>
  routers.flatMap((router, index) => [[router.netns, ours] as const, [netns, theirs[index].address] as const]);

it('loses no packet while our process is killed and started', async () => {
  await withoutLoss(bothWays(), async () => {
    await speaker.kill();
    for (const router of routers) {
      await eventually(async () => !(await router.established()), `${router.kind} sees the session end`);
      expect(await router.route(ownPrefix)).toMatchObject({ asPath: '65001', stale: true });
    }
    await speaker.start();
    await settled();
  });
});

// Back again, their End-of-RIB may come before what they originate, which is then away for that moment.
it.each(kinds)(
  'loses no packet while %s is away after it was killed, and goes on with it when it is back',
  async (kind) => {
    const index = kinds.indexOf(kind);
    await withoutLoss(bothWays(), async () => {
      await routers[index].kill();
      await eventually(async () => (await speaker.peers())[index].restarting, 'the restart noticed');
      expect(await speaker.routes('received', kind)).toContainEqual(
        expect.objectContaining({ prefix: theirs[index].prefix, stale: true }),
      );
      await sleep(500);
    });
    await routers[index].restart();
    await settled();
  },
);
