// BFD (RFC 5880, 5881) with BIRD and FRR, over IPv4 and IPv6.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, createNetns, type Netns } from '../support/netns.ts';
import { type Router, type RouterKind, startRouter } from '../support/routers/index.ts';
import { createSpeaker, eventually, type TestSpeaker } from './speaker.ts';

const places: readonly (readonly [RouterKind, 4 | 6])[] = [
  ['BIRD', 4],
  ['BIRD', 6],
  ['FRR', 4],
  ['FRR', 6],
];
const addresses = (link: number, family: 4 | 6) => {
  const net = family === 4 ? `10.99.${link}.` : `2001:db8:99:${link}::`;
  return { ours: `${net}1`, theirs: `${net}2`, length: family === 4 ? 24 : 64 };
};

let netns: Netns;
let speaker: TestSpeaker;
const spaces: Netns[] = [];
const routers: Router[] = [];

beforeAll(async () => {
  netns = await createNetns('spk');
  spaces.push(netns);
  speaker = createSpeaker(netns);
  const starts = places.map(async ([kind, family], index) => {
    const link = index + 1;
    const space = await createNetns('bfd');
    spaces.push(space);
    const { ours, theirs, length } = addresses(link, family);
    const [here, there] = [
      { netns, interface: `eth${link}` },
      { netns: space, interface: 'eth0' },
    ];
    await connect(here, there);
    for (const [end, address] of [
      [here, ours],
      [there, theirs],
    ] as const) {
      const nodad = family === 6 ? ['nodad'] : [];
      await end.netns.run('ip', ['address', 'add', `${address}/${length}`, 'dev', end.interface, ...nodad]);
    }
    const neighbors = [{ address: ours, as: 65001, families: [family], bfd: true }];
    const description = { as: 64511 + link, routerId: `10.99.${link}.2`, neighbors, routes: [] };
    routers[index] = await startRouter(kind, space, description);
  });
  await Promise.all([...starts, speaker.start()]);
  await speaker.configure({
    localAs: 65001,
    routerId: '10.99.0.1',
    peers: places.map(([, family], index) => ({
      name: `peer${index}`,
      peerAddress: addresses(index + 1, family).theirs,
      peerAs: 64512 + index,
      connectRetrySeconds: 1,
      families: [family === 4 ? 'ipv4Unicast' : 'ipv6Unicast'],
      bfd: {},
    })),
  });
  await allUp();
});
afterAll(async () => {
  await speaker?.remove();
  await Promise.all(routers.filter(Boolean).map((router) => router.stop()));
  for (const space of spaces) await space.remove();
});

const allUp = () =>
  eventually(async () => {
    for (const peer of await speaker.peers()) {
      expect(peer).toMatchObject({ name: peer.name, state: 'Established', bfd: 'Up' });
    }
    return true;
  }, 'all sessions, and their paths up');

describe.each(places.map(([kind, family], index) => ({ kind, family, index })))(
  '$kind over IPv$family',
  ({ kind, family, index }) => {
    it('has the path up too, with the times of both sides', async () => {
      const { ours } = addresses(index + 1, family);
      if (kind === 'BIRD') {
        // Interval and timeout, in seconds.
        expect(await routers[index].client('show', 'bfd', 'sessions')).toMatch(
          new RegExp(`^${ours} +eth0 +Up +\\S+ +0\\.300 +0\\.900`, 'm'),
        );
        return;
      }
      // What vtysh prints as JSON.
      const peers = JSON.parse(await routers[index].client('show bfd peers json')) as object[];
      expect(peers).toMatchObject([
        { peer: ours, status: 'up', 'remote-receive-interval': 300, 'remote-detect-multiplier': 3 },
      ]);
    });
  },
);

it('shows the state of each path', async () => {
  expect(await speaker.cli('show', 'peers')).toMatch(/^peer0 +10\.99\.1\.2 +64512 +Established +Up +\d+s/m);
});

it('ends the sessions whose paths die unseen, long before their hold time, and begins them again', async () => {
  const silence = ['-p', 'udp', '--dport', '3784', '-j', 'DROP'];
  for (const program of ['iptables', 'ip6tables']) await netns.run(program, ['-A', 'INPUT', ...silence]);
  const before = speaker.output.length;
  // On a busy machine a neighbour may be the first to miss something, or may not have said yet how fast it sends.
  await eventually(async () => {
    const noneUp = (await speaker.peers()).every(({ bfd }) => bfd !== 'Up');
    return noneUp && /"error":"BFD Down: nothing heard for \d+ ms"/.test(speaker.output.slice(before));
  }, 'every path found dead');
  for (const program of ['iptables', 'ip6tables']) await netns.run(program, ['-D', 'INPUT', ...silence]);
  await allUp();
});
