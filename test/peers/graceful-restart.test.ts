// Graceful restart (RFC 4724) with BIRD, in both roles: what forwards before forwards all the while.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, type TestContext } from 'vitest';
import { birdConfig, createFixture, type Fixture, speakerConfig } from './fixture.ts';
import { eventually } from './speaker.ts';
import { withoutLoss } from './without-loss.ts';

/** BIRD puts what it learns into its namespace's kernel, and asks for a graceful restart of its own. */
const bird = (link: number, routes: readonly string[], extra = '') => `
${birdConfig({ link, as: 64511 + link, peerAs: 65001, routes, extra: `graceful restart yes; ${extra}` })}
protocol kernel { persist; graceful restart yes; ipv4 { export where source = RTS_BGP; }; }
protocol kernel { persist; graceful restart yes; ipv6 { export where source = RTS_BGP; }; }
graceful restart wait 30;
`;
const ours = '10.244.1.1';
const theirs = ['192.0.2.1', '198.51.100.1'];

/** Two BIRDs that announce a prefix each; the speaker announces one; each end has an address within its own. */
async function start(
  { onTestFinished }: TestContext,
  options: Record<string, unknown> = {},
  sources: readonly string[] = [],
): Promise<Fixture> {
  const f = await createFixture([bird(1, ['192.0.2.0/24', '2001:db8:100::/48']), bird(2, ['198.51.100.0/24'])]);
  onTestFinished(() => f.remove());
  if (sources.length > 0) {
    await f.speaker.terminate();
    await f.speaker.start(...sources);
  }
  await f.netns.run('ip', ['address', 'add', `${ours}/32`, 'dev', 'lo']);
  for (const [i, netns] of f.birdNetns.entries())
    await netns.run('ip', ['address', 'add', `${theirs[i]}/32`, 'dev', 'lo']);
  const peers = [1, 2].map((link) => ({ link, as: 64511 + link, ...options }));
  await f.speaker.configure(speakerConfig({ as: 65001, peers, originate: ['10.244.1.0/26'] }));
  await settled(f);
  return f;
}

const settled = async (f: Fixture) => {
  await eventually(async () => (await f.kernelRoutes()).length === 3, 'our kernel routes');
  for (const [i, netns] of f.birdNetns.entries()) {
    const wanted = ['10.244.1.0/26', i === 0 ? '198.51.100.0/24' : '192.0.2.0/24'];
    await eventually(
      async () => {
        const routes = await netns.run('ip', ['route']);
        return wanted.every((prefix) => routes.includes(`${prefix} via`));
      },
      `kernel routes of BIRD ${i + 1}`,
    );
  }
};

/** Both ways over each link. */
const bothWays = (f: Fixture) =>
  f.birdNetns.flatMap((netns, i) => [[netns, ours] as const, [f.netns, theirs[i]] as const]);

/** What the kernels of all namespaces were told meanwhile: the deleted and changed routes. */
function watchRoutes(f: Fixture): () => string[] {
  let events = '';
  for (const netns of [f.netns, ...f.birdNetns]) {
    const monitor = netns.spawn('ip', ['monitor', 'route'], { stdio: ['ignore', 'pipe', 'ignore'] });
    monitor.stdout?.on('data', (chunk) => {
      events += chunk;
    });
  }
  return () => events.split('\n').filter((line) => line.startsWith('Deleted') && !line.includes('local'));
}

// They wait for each other's timers most of the time.
describe.concurrent('the speaker restarts', () => {
  it.for([
    { how: 'killed', end: (f: Fixture) => f.speaker.kill(), sources: [] },
    { how: 'ended by SIGUSR2', end: (f: Fixture) => f.speaker.end('SIGUSR2'), sources: [] },
    {
      how: 'ended by SIGTERM with --on-sigterm restart',
      end: (f: Fixture) => f.speaker.end('SIGTERM'),
      sources: ['--on-sigterm', 'restart'],
    },
  ])('$how and started: no packet is lost and no route moves', async ({ end, sources }, context) => {
    const f = await start(context, {}, sources);
    const deleted = watchRoutes(f);
    await withoutLoss(bothWays(f), async () => {
      await end(f);
      await eventually(
        async () => !(await f.birds[0].birdc('show protocols')).includes('Established'),
        'BIRD sees the session end',
      );
      await sleep(1000);
      await f.speaker.start(...sources);
      await eventually(
        async () =>
          (await f.speaker.peers()).every(({ state, advertised }) => state === 'Established' && advertised > 1),
        'sessions, and everything announced again',
      );
      await settled(f);
    });
    expect(deleted()).toEqual([]);
    // BIRD kept what it had, and then heard it again.
    expect(await f.birds[0].birdc('show route 10.244.1.0/26')).not.toContain('stale');
  });
});

describe.concurrent('a peer restarts', () => {
  /** A BIRD that starts with `-R` says that it has restarted. */
  const comeBack = async (f: Fixture) => {
    await f.birds[0].restart('-R');
    await eventually(async () => {
      const [peer] = await f.speaker.peers();
      return peer.state === 'Established' && !peer.restarting;
    }, 'End-of-RIB of BIRD');
  };
  const restarting = (f: Fixture) =>
    eventually(async () => (await f.speaker.peers())[0].restarting, 'the restart noticed');

  it('that keeps forwarding: its routes stay, and what it does not announce again goes with its End-of-RIB', async (context) => {
    const f = await start(context);
    await f.birds[0].reconfigure(bird(1, ['192.0.2.0/24', '203.0.113.0/24', '2001:db8:100::/48']));
    await eventually(async () => (await f.kernelRoutes()).length === 4, 'one route more');
    const deleted = watchRoutes(f);
    await withoutLoss(bothWays(f), async () => {
      await f.birds[0].kill();
      await restarting(f);
      expect(await f.speaker.cli('show', 'received', 'bird1')).toMatch(/^s\*? +192\.0\.2\.0\/24/m);
      expect((await f.birds[1].birdc('show route')).match(/unicast/g)?.length).toBeGreaterThan(2);
      f.birds[0].configureForRestart(bird(1, ['192.0.2.0/24', '2001:db8:100::/48']));
      await comeBack(f);
    });
    await settled(f);
    const gone = deleted();
    expect(gone.length).toBeGreaterThan(0);
    for (const line of gone) expect(line).toContain('203.0.113.0/24');
  });

  it('and does not come back: its routes go when its restart time is over', async (context) => {
    const f = await start(context);
    await f.birds[0].reconfigure(bird(1, ['192.0.2.0/24'], 'graceful restart time 2;'));
    await eventually(async () => (await f.speaker.peers())[0].state === 'Established', 'the session');
    await settledWith(f, 2);
    await f.birds[0].kill();
    await restarting(f);
    await settledWith(f, 1);
    expect((await f.speaker.peers())[0]).toMatchObject({ restarting: false, received: 0 });
  });

  it('and helping is off: its routes go at once', async (context) => {
    const f = await start(context, { gracefulRestart: { mode: 'Off' } });
    await f.birds[0].kill();
    await settledWith(f, 1);
    expect((await f.speaker.peers())[0]).toMatchObject({ restarting: false, received: 0 });
  });
});

const settledWith = (f: Fixture, count: number) =>
  eventually(async () => (await f.kernelRoutes()).length === count, `${count} kernel routes`);
