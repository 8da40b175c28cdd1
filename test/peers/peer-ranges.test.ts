// Peers by prefix: routers that nobody has named connect, signed, and are gone with their sessions.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, createNetns, type Netns } from '../support/netns.ts';
import { type Router, startRouter } from '../support/routers/index.ts';
import { createSpeaker, eventually, type TestSpeaker } from './speaker.ts';

const kinds = ['BIRD', 'FRR', 'GoBGP'] as const;
const password = 'correct-horse';

let speaker: TestSpeaker;
const spaces: Netns[] = [];
const routers: Router[] = [];

/** Each router is on a link of its own, 10.99.N.0/24; the last one has another password. */
beforeAll(async () => {
  const netns = await createNetns('spk');
  spaces.push(netns);
  speaker = createSpeaker(netns);
  await speaker.start();
  writeFileSync(join(speaker.folder, 'password'), `${password}\n`);
  await speaker.configure(configuration());
  const starts = [...kinds, 'BIRD' as const].map(async (kind, index) => {
    const link = index + 1;
    const space = await createNetns(kind);
    spaces.push(space);
    await connect(
      { netns, interface: `eth${link}`, address: `10.99.${link}.1/24` },
      { netns: space, interface: 'eth0', address: `10.99.${link}.2/24` },
    );
    routers[index] = await startRouter(kind, space, {
      as: 64512 + index,
      routerId: `10.99.${link}.2`,
      neighbors: [
        { address: `10.99.${link}.1`, as: 65001, families: [4], password: index < kinds.length ? password : 'wrong' },
      ],
      routes: [{ prefix: `10.5.${link}.0/24` }],
      forwards: false,
    });
  });
  await Promise.all(starts);
});
afterAll(async () => {
  await speaker?.remove();
  await Promise.all(routers.filter(Boolean).map((router) => router.stop()));
  for (const space of spaces) await space.remove();
});

const configuration = (changes: object = {}) => ({
  localAs: 65001,
  routerId: '10.99.0.1',
  originate: [{ prefix: '10.60.0.0/24' }],
  peers: [
    {
      name: 'tors',
      peerPrefix: '10.99.0.0/16',
      peerAs: { min: 64512, max: 64600 },
      sessionLimit: 10,
      families: ['ipv4Unicast'],
      passwordFile: join(speaker.folder, 'password'),
      gracefulRestart: { mode: 'Helper' },
      ...changes,
    },
  ],
});

const sessions = async () => (await speaker.peers()).map(({ name, state }) => `${name} ${state}`).sort();
const all = kinds.map((_, index) => `tors/10.99.${index + 1}.2 Established`);

it('gives BIRD, FRR and GoBGP a session each, signed, and one with another password none', async () => {
  await eventually(async () => (await sessions()).join() === all.join(), 'the sessions');
  for (const [index, router] of routers.slice(0, kinds.length).entries()) {
    await eventually(async () => (await router.route('10.60.0.0/24'))?.asPath === '65001', 'our route');
    const name = `tors/10.99.${index + 1}.2`;
    const received = await speaker.routes('received', name);
    expect(received.map(({ prefix, asPath }) => `${prefix} ${asPath}`)).toContain(
      `10.5.${index + 1}.0/24 ${64512 + index}`,
    );
    const other = `10.5.${((index + 1) % kinds.length) + 1}.0/24`;
    await eventually(async () => (await router.route(other))?.asPath.startsWith('65001 '), 'the route of another');
  }
  expect(await speaker.cli('show', 'peers')).toMatch(
    /^PEER.*\ntors +10\.99\.0\.0\/16 +- +3 of 10.*\n {2}tors\/10\.99\.1\.2 /,
  );
});

it('forgets a router with its session, and has it back when it comes', async () => {
  await speaker.configure(configuration({ peerAs: { min: 64513, max: 64600 } }));
  await eventually(async () => !(await sessions()).includes(all[0]), 'one session less');
  await expect(speaker.routes('received', 'tors/10.99.1.2')).rejects.toThrow('there is no peer');
  await speaker.configure(configuration());
  await eventually(async () => (await sessions()).includes(all[0]), 'the session again');
});

it('asks for packets of near routers alone when it is told to', async () => {
  await speaker.configure(configuration({ ttlSecurityHops: 1 }));
  // None of them sends with the largest TTL.
  await eventually(async () => !(await sessions()).join().includes('Established'), 'no sessions');
  await sleep(2500);
  expect((await sessions()).join()).not.toContain('Established');
});
