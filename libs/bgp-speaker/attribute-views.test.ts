import { parsePrefix } from '@caracal/net';
import { expect, it } from 'vitest';
import type { AttributeView } from './attribute-views.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

/** A speaker with two peers that announce the same prefixes, and one prefix of its own. */
function topology() {
  const world = new FakeWorld();
  const middle = speakerAt(world, '10.0.0.10').speaker;
  const sources = ['10.0.0.1', '10.0.0.2'].map((address) => speakerAt(world, address).speaker);
  middle.configure(
    config(
      65010,
      '10.0.0.10',
      [peer('first', '10.0.0.1', 65001, { passive: true }), peer('second', '10.0.0.2', 65002, { passive: true })],
      ['10.7.0.0/16'],
    ),
  );
  for (const [i, source] of sources.entries()) {
    const own = [`10.${i + 1}.0.0/16`, '10.5.0.0/16', '10.5.1.0/24'];
    source.configure(config(65001 + i, `10.0.0.${i + 1}`, [peer('middle', '10.0.0.10', 65010)], own));
  }
  world.advance(20_000);
  const shown = (...filter: Parameters<typeof middle.attributes>) => [...(middle.attributes(...filter) ?? [])].flat();
  return { world, middle, sources, shown };
}

const brief = ({ prefixes, paths, peers, nextHop, asPath }: AttributeView) =>
  `${prefixes} ${paths} ${peers.join('+')} ${nextHop || '-'} ${asPath || '-'}`;

it('says which paths share a set of attributes, and how many', () => {
  const { shown } = topology();
  expect(shown().map(brief)).toEqual(['3 3 first 10.0.0.1 65001', '3 3 second 10.0.0.2 65002', '1 1 local - -']);
  expect(shown()[0].attributes).toEqual({ origin: 'IGP' });
  expect(shown('second').map(brief)).toEqual(['3 3 second 10.0.0.2 65002']);
  expect(shown('local').map(brief)).toEqual(['1 1 local - -']);
  const within = parsePrefix('10.5.0.0/16');
  expect(shown(undefined, within).map(brief)).toEqual(['2 2 first 10.0.0.1 65001', '2 2 second 10.0.0.2 65002']);
  expect(shown('first', parsePrefix('10.9.0.0/16'))).toEqual([]);
});

it('keeps no set longer than the question, and none changes its meaning within it', () => {
  const { world, middle, sources, shown } = topology();
  const sets = () => middle.memory().find(({ table }) => table === 'attribute sets')?.count;
  // More than one step counts.
  const many = Array.from({ length: 300 }, (_, i) => `10.6.${i >> 1}.${(i & 1) * 128}/25`);
  sources[0].configure(config(65001, '10.0.0.1', [peer('middle', '10.0.0.10', 65010)], many));
  world.advance(20_000);
  expect(sets()).toBe(3);
  const pieces: AttributeView[] = [];
  let steps = 0;
  for (const rows of middle.attributes() ?? []) {
    pieces.push(...rows);
    // The sessions go on between two steps: what has been counted goes, and other sets come.
    if (++steps !== 2) continue;
    for (const source of sources) source.stop();
    middle.configure({
      ...config(65010, '10.0.0.10', []),
      originate: [{ prefix: '10.8.0.0/16', communities: ['1:2'] }],
    });
    world.advance(100);
  }
  expect(steps).toBe(3);
  expect(pieces.map(brief)).toContainEqual(expect.stringMatching(/^25[0-9] 25[0-9] .* 10.0.0.1 65001$/));
  expect(sets()).toBe(1);
  // A question that is given up in the middle.
  for (const rows of middle.attributes() ?? []) if (rows.length === 0) break;
  expect(sets()).toBe(1);
  expect(middle.attributes('nobody')).toBeUndefined();
  expect(shown().map(brief)).toEqual(['1 1 local - -']);
});

it('says what tables and buffers hold', () => {
  const { middle } = topology();
  const rows = middle.memory();
  const count = (table: string, of: string) => rows.find((row) => row.table === table && row.of === of)?.count;
  expect(count('prefixes', 'ipv4Unicast')).toBe(5);
  expect(count('best paths', 'ipv4Unicast')).toBe(5);
  expect(count('paths', 'ipv4Unicast')).toBe(7);
  expect(count('paths', 'ipv6Unicast')).toBe(0);
  expect(count('stale paths', 'ipv4Unicast')).toBe(0);
  expect(count('attribute sets', '')).toBe(3);
  // All but what is best by the peer itself.
  expect(count('Adj-RIB-Out', 'first')).toBe(2);
  expect(count('Adj-RIB-Out', 'second')).toBe(4);
  for (const { table, count: held, bytes } of rows) {
    if (table === 'paths' && held > 0) expect(bytes).toBeGreaterThanOrEqual(13 * held);
    if (table === 'prefixes' && held > 0) expect(bytes).toBeGreaterThanOrEqual(9 * held);
  }
});
