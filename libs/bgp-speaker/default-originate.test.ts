import { expect, it } from 'vitest';
import type { PeerConfig } from './config.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

/** A speaker with a peer that is told a default route, one that is not, and one that may announce one. */
function topology(changes: Partial<PeerConfig> = {}, theirs: Partial<PeerConfig> = {}) {
  const world = new FakeWorld();
  const middle = speakerAt(world, '10.0.0.10');
  const peers = (last: Partial<PeerConfig> = {}) => [
    peer('told', '10.0.0.1', 65001, { passive: true, defaultOriginate: true, ...changes, ...last }),
    peer('other', '10.0.0.2', 65002, { passive: true }),
    peer('source', '10.0.0.3', 65003, { passive: true }),
  ];
  const configure = (last?: Partial<PeerConfig>) => middle.speaker.configure(config(65010, '10.0.0.10', peers(last)));
  configure();
  const others = [1, 2, 3].map((n) => {
    const { speaker } = speakerAt(world, `10.0.0.${n}`);
    const originate = (...prefixes: string[]) =>
      speaker.configure(
        config(65000 + n, `10.0.0.${n}`, [peer('middle', '10.0.0.10', 65010, n === 1 ? theirs : {})], prefixes),
      );
    originate();
    const heard = () =>
      (speaker.routes('middle') ?? []).map(({ prefix, nextHop, asPath }) => [prefix, nextHop, asPath].join(' ')).sort();
    return { originate, heard };
  });
  return { world, middle, configure, others };
}

const own = ['0.0.0.0/0 10.0.0.10 65010', '::/0 2001:db8::10 65010'];

it.each([
  ['', {}, {}],
  [' whatever the filters say', { exportAction: 'Reject' } as const, {}],
  [
    ' that hears of several paths',
    { addPaths: { receive: false, send: 'All', bestPaths: 2 } } as const,
    { addPaths: { receive: true, send: 'None', bestPaths: 2 } } as const,
  ],
])('tells one peer a default route%s, before and after others come and go', (_, changes, theirs) => {
  const { world, middle, others } = topology(changes, theirs);
  const [told, other, source] = others;
  world.advance(20_000);
  expect(told.heard()).toEqual(own);
  expect(other.heard()).toEqual([]);
  expect(middle.speaker.advertised('told')).toMatchObject([
    { prefix: '0.0.0.0/0', asPath: '65010' },
    { prefix: '::/0' },
  ]);
  source.originate('0.0.0.0/0');
  world.advance(1000);
  expect(told.heard()).toEqual(own);
  expect(other.heard()).toEqual(['0.0.0.0/0 10.0.0.10 65010 65003']);
  source.originate();
  world.advance(1000);
  expect(told.heard()).toEqual(own);
  expect(other.heard()).toEqual([]);
});

it('tells it again with everything else, and no more when it is not configured', () => {
  const { world, configure, others } = topology();
  world.advance(20_000);
  configure({ exportAction: 'Reject' });
  world.advance(1000);
  expect(others[0].heard()).toEqual(own);
  configure({ defaultOriginate: false });
  world.advance(20_000);
  expect(others[0].heard()).toEqual([]);
});

it('is begun and ended while the session stands, with what the table has in its place', () => {
  const { world, middle, configure, others } = topology();
  const [told, , source] = others;
  source.originate('0.0.0.0/0');
  world.advance(20_000);
  const since = middle.speaker.status()[0].sinceMs;
  configure({ defaultOriginate: false });
  world.advance(1000);
  expect(told.heard()).toEqual(['0.0.0.0/0 10.0.0.10 65010 65003']);
  configure({ defaultOriginate: true });
  world.advance(1000);
  expect(told.heard()).toEqual(own);
  source.originate();
  configure();
  world.advance(1000);
  expect(told.heard()).toEqual(own);
  configure({ defaultOriginate: false });
  world.advance(1000);
  expect(told.heard()).toEqual([]);
  expect(middle.speaker.status()[0].sinceMs).toBe(since);
});
