import { expect, it } from 'vitest';
import type { AddPathsConfig, PeerConfig } from './config.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

const paths = (send: AddPathsConfig['send'], receive = false, bestPaths = 2): Partial<PeerConfig> => ({
  addPaths: { send, receive, bestPaths },
});
const prefix = '10.9.0.0/16';

/** Three external sources of one prefix, a speaker in the middle that hears all, and one that it tells. */
function topology(theirs: Partial<PeerConfig>, ours: Partial<PeerConfig>) {
  const world = new FakeWorld();
  const sources = [1, 2, 3].map((n) => {
    const { speaker } = speakerAt(world, `10.0.0.${n}`);
    const originate = (...prefixes: string[]) =>
      speaker.configure(config(65000 + n, `10.0.0.${n}`, [peer('middle', '10.0.0.10', 65010)], prefixes));
    originate(prefix, `10.${n}.0.0/16`);
    return originate;
  });
  const middle = speakerAt(world, '10.0.0.10');
  const configure = (changes: Partial<PeerConfig> = {}) =>
    middle.speaker.configure(
      config(65010, '10.0.0.10', [
        ...[1, 2, 3].map((n) => peer(`source${n}`, `10.0.0.${n}`, 65000 + n, { passive: true })),
        peer('last', '10.0.0.20', 65010, { ...ours, ...changes, passive: true }),
      ]),
    );
  configure();
  const last = speakerAt(world, '10.0.0.20');
  last.speaker.configure(config(65010, '10.0.0.20', [peer('middle', '10.0.0.10', 65010, theirs)]));
  const heard = (what = prefix) =>
    (last.speaker.routes('middle') ?? [])
      .filter((route) => route.prefix === what)
      .map(({ asPath }) => asPath)
      .sort();
  return { world, sources, middle, last, heard, configure };
}

it('tells every path to a peer that takes several, and each one that changes or goes', () => {
  const { world, sources, middle, last, heard } = topology(paths('None', true), paths('All'));
  world.advance(20_000);
  expect(heard()).toEqual(['65001', '65002', '65003']);
  expect(heard('10.1.0.0/16')).toEqual(['65001']);
  expect(last.routes.get(prefix)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  const told = middle.speaker.advertised('last')?.filter((route) => route.prefix === prefix) ?? [];
  expect(told.map(({ asPath }) => asPath).sort()).toEqual(['65001', '65002', '65003']);
  expect(new Set(told.map(({ pathId }) => pathId)).size).toBe(3);
  expect(told.filter(({ best }) => best).map(({ asPath }) => asPath)).toEqual(['65001']);

  // Not the best one, so that nothing changes for peers that hear of one path.
  sources[2]();
  world.advance(1000);
  expect(heard()).toEqual(['65001', '65002']);
  sources[0]();
  world.advance(1000);
  expect(heard()).toEqual(['65002']);
  sources[1]();
  sources[2](prefix);
  world.advance(1000);
  expect(heard()).toEqual(['65003']);
});

it('tells the best few', () => {
  const { world, sources, heard } = topology(paths('None', true), paths('Best'));
  world.advance(20_000);
  expect(heard()).toEqual(['65001', '65002']);
  sources[0]();
  world.advance(1000);
  expect(heard()).toEqual(['65002', '65003']);
});

it.each([
  ['the peer does not take them', {}, paths('All')],
  ['we do not send them', paths('None', true), paths('None', true)],
])('tells the best one alone when %s', (_, theirs, ours) => {
  const { world, middle, heard } = topology(theirs, ours);
  world.advance(20_000);
  expect(heard()).toEqual(['65001']);
  expect(middle.speaker.advertised('last')?.every(({ pathId }) => pathId === undefined)).toBe(true);
});

it('tells all of them again, changed, when the export policy changes', () => {
  const { world, last, heard, configure } = topology(paths('None', true), paths('All'));
  world.advance(20_000);
  const since = last.speaker.status()[0].sinceMs;
  const rules = [
    { action: 'Reject', asPathContains: [65002] },
    { action: 'Accept', operations: [{ prependASPath: { prefix: [65099] } }] },
  ] as const;
  configure({ exportAction: { ipv4Unicast: { rules, otherwise: 'Accept' }, ipv6Unicast: 'Accept' } });
  world.advance(1000);
  expect(heard()).toEqual(['65099 65001', '65099 65003']);
  configure();
  world.advance(1000);
  expect(heard()).toEqual(['65001', '65002', '65003']);
  expect(last.speaker.status()[0].sinceMs).toBe(since);
});

it('keeps the paths of a peer apart, and forgets them with the session', () => {
  const { world, middle, last, heard } = topology(paths('None', true), paths('All'));
  world.advance(20_000);
  expect(last.speaker.status()[0].received).toBe(6);
  middle.speaker.configure(config(65010, '10.0.0.10', []));
  world.advance(1000);
  expect(heard()).toEqual([]);
  expect(last.speaker.status()[0].received).toBe(0);
  expect(last.routes.size).toBe(0);
});

it('counts prefixes against a limit, not the paths to them', () => {
  const { world, sources, last, heard } = topology(
    { ...paths('None', true), prefixLimit: { maximum: 4 } },
    paths('All'),
  );
  world.advance(20_000);
  // Four prefixes by six paths.
  expect(last.routes.size).toBe(4);
  expect(heard()).toHaveLength(3);
  expect(last.speaker.status()[0].lastError).toBe('');
  // A path less, a prefix less, and one of each more.
  sources[2]();
  world.advance(1000);
  sources[2]('10.30.0.0/16', prefix);
  world.advance(1000);
  expect(last.routes.size).toBe(4);
  expect(last.speaker.status()[0].lastError).toBe('');
  sources[2]('10.30.0.0/16', '10.31.0.0/16', prefix);
  world.advance(1000);
  expect(last.speaker.status()[0].lastError).toBe('announces more than 4 ipv4Unicast prefixes');
});
