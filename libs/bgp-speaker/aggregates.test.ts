import { expect, it } from 'vitest';
import type { AggregateConfig, FilterRule } from './config.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

const prefix = '10.9.0.0/16';

/** A source, a speaker that aggregates, and an external and an internal peer of that. */
function topology() {
  const world = new FakeWorld();
  const source = speakerAt(world, '10.0.0.1');
  const announce = (prefixes: string[], rules: FilterRule[] = []) =>
    source.speaker.configure(
      config(
        65001,
        '10.0.0.1',
        [
          peer('middle', '10.0.0.10', 65010, {
            exportAction: { ipv4Unicast: { rules, otherwise: 'Accept' }, ipv6Unicast: 'Accept' },
          }),
        ],
        prefixes,
      ),
    );
  const middle = speakerAt(world, '10.0.0.10');
  const aggregate = (aggregates: AggregateConfig[], originate: string[] = []) =>
    middle.speaker.configure({
      ...config(
        65010,
        '10.0.0.10',
        [
          peer('source', '10.0.0.1', 65001, { passive: true }),
          peer('outside', '10.0.0.2', 65002, { passive: true }),
          peer('inside', '10.0.0.3', 65010, { passive: true }),
        ],
        originate,
      ),
      aggregates,
    });
  aggregate([]);
  const ends = [speakerAt(world, '10.0.0.2'), speakerAt(world, '10.0.0.3')];
  ends[0].speaker.configure(config(65002, '10.0.0.2', [peer('middle', '10.0.0.10', 65010)]));
  ends[1].speaker.configure(config(65010, '10.0.0.3', [peer('middle', '10.0.0.10', 65010)]));
  const [outside, inside] = ends.map(({ speaker }) => () => {
    const routes = speaker.routes('middle') ?? [];
    return routes.map((route) => route.prefix).sort();
  });
  const told = () => ends[0].speaker.routes('middle')?.find((route) => route.prefix === prefix);
  return { world, announce, aggregate, middle, outside, inside, told };
}

it('stands for the routes within as long as there are any, and drops what none of them takes', () => {
  const { world, announce, aggregate, middle, outside, told } = topology();
  aggregate([{ prefix, communities: ['65010:1'] }]);
  announce(['10.9.1.0/24', '10.9.2.0/24', '10.8.0.0/16']);
  world.advance(20_000);
  expect(outside()).toEqual(['10.8.0.0/16', prefix, '10.9.1.0/24', '10.9.2.0/24']);
  expect(told()).toMatchObject({
    asPath: '65010',
    attributes: { origin: 'IGP', atomicAggregate: 'yes', aggregator: '65010 10.0.0.10', communities: '65010:1' },
  });
  expect(middle.routes.get(prefix)).toEqual(['discard']);
  announce(['10.9.2.0/24']);
  world.advance(1000);
  expect(outside()).toEqual([prefix, '10.9.2.0/24']);
  // The route to the prefix itself is none within.
  announce([prefix]);
  world.advance(1000);
  expect(outside()).toEqual([prefix]);
  expect(told()?.asPath).toBe('65010 65001');
  expect(middle.routes.get(prefix)).toEqual(['10.0.0.1']);
});

it('has the least certain ORIGIN of the routes within, and leaves ATOMIC_AGGREGATE away where it hides no AS', () => {
  const { world, announce, aggregate, told } = topology();
  aggregate([{ prefix }], ['10.9.3.0/24']);
  world.advance(20_000);
  expect(told()?.attributes).toEqual({ origin: 'IGP', aggregator: '65010 10.0.0.10' });
  announce(['10.9.1.0/24'], [{ action: 'Accept', operations: [{ setOrigin: 'Incomplete' }] }]);
  world.advance(20_000);
  expect(told()?.attributes).toMatchObject({ origin: 'incomplete', atomicAggregate: 'yes' });
  announce([]);
  world.advance(1000);
  expect(told()?.attributes).toEqual({ origin: 'IGP', aggregator: '65010 10.0.0.10' });
});

it('is told alone to external peers when it is a summary, and follows the configuration without a new session', () => {
  const { world, announce, aggregate, middle, outside, inside } = topology();
  announce(['10.9.1.0/24', '10.8.0.0/16']);
  world.advance(20_000);
  const since = middle.speaker.status().map(({ sinceMs }) => sinceMs);
  aggregate([{ prefix, summaryOnly: true }]);
  world.advance(1000);
  expect(outside()).toEqual(['10.8.0.0/16', prefix]);
  expect(inside()).toEqual(['10.8.0.0/16', prefix, '10.9.1.0/24']);
  announce(['10.9.1.0/24', '10.9.2.0/24']);
  world.advance(1000);
  expect(outside()).toEqual([prefix]);
  aggregate([{ prefix }]);
  world.advance(1000);
  expect(outside()).toEqual([prefix, '10.9.1.0/24', '10.9.2.0/24']);
  aggregate([]);
  world.advance(1000);
  expect(outside()).toEqual(['10.9.1.0/24', '10.9.2.0/24']);
  expect(middle.routes.has(prefix)).toBe(false);
  expect(middle.speaker.status().map(({ sinceMs }) => sinceMs)).toEqual(since);
});
