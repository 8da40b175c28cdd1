// What protects a session, and what shapes it, with BIRD at the other end.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, type TestContext, test } from 'vitest';
import { birdConfig, createFixture, type Fixture, speakerConfig } from './fixture.ts';
import { eventually } from './speaker.ts';

// They wait for timers most of the time, each with a BIRD of its own.
const it = test.concurrent;

const base = { link: 1, as: 64512, peerAs: 65001 };
const routes = ['192.0.2.0/24', '2001:db8:100::/48'];

const established = (f: Fixture, what: string) =>
  eventually(async () => (await f.speaker.peers()).every(({ state }) => state === 'Established'), what);

async function start(
  { onTestFinished }: TestContext,
  extra: string,
  options: (f: Fixture) => Record<string, unknown>,
): Promise<Fixture> {
  const f = await createFixture([birdConfig({ ...base, routes, extra })]);
  onTestFinished(() => f.remove());
  writeFileSync(join(f.speaker.folder, 'right'), 'correct horse\n');
  writeFileSync(join(f.speaker.folder, 'wrong'), 'battery staple\n');
  await configure(f, options(f));
  return f;
}
const configure = (f: Fixture, options: Record<string, unknown>) =>
  f.speaker.configure(
    speakerConfig({ as: 65001, peers: [{ link: 1, as: 64512, ...options }], originate: ['10.244.1.0/26'] }),
  );

it.for([
  { who: 'we connect', extra: 'passive; password "correct horse";', more: {} },
  { who: 'BIRD connects', extra: 'password "correct horse";', more: { passive: true } },
])(
  'signs what it sends (TCP-MD5) when $who, and has no session with another password or none',
  async ({ extra, more }, context) => {
    const f = await start(context, extra, ({ speaker }) => ({ ...more, passwordFile: join(speaker.folder, 'right') }));
    await established(f, 'the session');
    await eventually(async () => (await f.kernelRoutes()).length === 2, 'kernel routes');
    for (const wrong of [{ passwordFile: join(f.speaker.folder, 'wrong') }, {}]) {
      await configure(f, { ...more, ...wrong });
      await eventually(async () => (await f.kernelRoutes()).length === 0, 'kernel routes gone');
      await sleep(2500);
      expect((await f.speaker.peers())[0].state).not.toBe('Established');
    }
    await configure(f, { ...more, passwordFile: join(f.speaker.folder, 'right') });
    await established(f, 'the session again');
    await configure(f, { ...more, passwordFile: join(f.speaker.folder, 'absent') });
    await eventually(async () => (await f.speaker.peers())[0].lastError !== '' || more.passive, 'an error');
    if (!more.passive) expect((await f.speaker.peers())[0].lastError).toContain('cannot read the password file');
    await sleep(1500);
    expect((await f.speaker.peers())[0].state).not.toBe('Established');
  },
);

it('asks for packets that come from as near as they should (TTL security)', async (context) => {
  const f = await start(context, 'ttl security on;', () => ({ ttlSecurityHops: 1 }));
  await established(f, 'the session');
  // BIRD answers with a TTL of 1 without it.
  await f.birds[0].reconfigure(birdConfig({ ...base, routes }));
  await eventually(async () => (await f.kernelRoutes()).length === 0, 'kernel routes gone');
  await sleep(2500);
  expect((await f.speaker.peers())[0].state).not.toBe('Established');
  await configure(f, {});
  // BIRD heard us and was not heard: it may sit in OpenConfirm until its hold timer expires.
  await f.birds[0].birdc('restart caracal');
  await established(f, 'the session without');
});

it('exchanges long messages, and marks the refresh that BIRD asks for', async (context) => {
  const communities = Array.from({ length: 1200 }, (_, i) => `65001:${i}`);
  const f = await start(context, 'enable extended messages on;', () => ({ extendedMessages: true }));
  await f.speaker.configure(
    speakerConfig({
      as: 65001,
      peers: [{ link: 1, as: 64512, extendedMessages: true }],
      originate: [{ prefix: '10.244.2.0/24', communities }],
    }),
  );
  await eventually(
    async () => (await f.birds[0].birdc('show route 10.244.2.0/24 all')).includes('(65001,1199)'),
    'the long route',
  );
  await f.birds[0].birdc('reload in caracal');
  await eventually(
    async () => /Import updates:\s+2\b/.test(await f.birds[0].birdc('show protocols all caracal')),
    'the route sent again',
  );
  expect(await f.birds[0].birdc('show route')).toContain('10.244.2.0/24');
  expect((await f.birds[0].birdc('show protocols all caracal')).match(/Enhanced refresh/g)).toHaveLength(2);
});

it('reflects routes between BIRDs that are its clients', async ({ onTestFinished }) => {
  const internal = (link: number, route: string) => birdConfig({ link, as: 65001, peerAs: 65001, routes: [route] });
  const f = await createFixture([internal(1, '192.0.2.0/24'), internal(2, '198.51.100.0/24')]);
  onTestFinished(() => f.remove());
  const peers = [1, 2].map((link) => ({ link, as: 65001, reflectorClient: true }));
  await f.speaker.configure({ ...(speakerConfig({ as: 65001, peers }) as object), clusterId: '192.0.2.77' });
  const seen = await eventually(async () => {
    const text = await f.birds[1].birdc('show route 192.0.2.0/24 all');
    return text.includes('originator') && text;
  }, 'the reflected route');
  expect(seen).toContain('BGP.originator_id: 10.99.1.2');
  expect(seen).toContain('BGP.cluster_list: 192.0.2.77');
  expect(seen).toContain('BGP.next_hop: 10.99.1.2');
});

it('stops a peer at its prefix limit, and tells a peer why it shuts down', async (context) => {
  const f = await start(context, '', () => ({ prefixLimit: { maximum: 1, restartSeconds: 2 } }));
  await established(f, 'the session');
  const both = [...routes, '198.51.100.0/24'];
  await f.birds[0].reconfigure(birdConfig({ ...base, routes: both }));
  await eventually(
    async () => (await f.speaker.peers())[0].lastError === 'announces more than 1 ipv4Unicast prefixes',
    'the limit',
  );
  expect(await f.birds[0].birdc('show protocols all caracal')).toContain(
    'Received: Maximum number of prefixes reached',
  );
  await f.birds[0].reconfigure(birdConfig({ ...base, routes }));
  await established(f, 'the session again');
  await configure(f, { shutdown: { message: 'new cables' } });
  await eventually(
    async () => (await f.birds[0].birdc('show protocols all caracal')).includes('new cables'),
    'the message',
  );
});
