import { expect, it } from 'vitest';
import type { FilterRule, PeerConfig, Policy } from './config.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

const filter = (...rules: FilterRule[]): Policy => ({
  ipv4Unicast: { rules, otherwise: 'Accept' },
  ipv6Unicast: { rules: [{ action: 'Accept', operations: [{ setMED: 7 }] }], otherwise: 'Accept' },
});
const tagged = (tag: number, ...rules: FilterRule[]) =>
  filter(...rules, { action: 'Accept', operations: [{ addCommunity: { value: `65010:${tag}` } }] });
const without = (asNumber: number): FilterRule => ({ action: 'Reject', asPathContains: [asNumber] });

/** Peers of AS 65010: many are treated alike, some differ in one thing; what they change to in the middle. */
const variants: readonly (readonly [as: number, first: Partial<PeerConfig>, then: Partial<PeerConfig>])[] = [
  [65101, {}, {}],
  [65111, {}, {}],
  [65112, {}, { exportAction: tagged(1, without(64901)) }],
  [65113, {}, { exportAction: 'Reject' }],
  [65102, {}, { exportAction: tagged(1, without(64901)) }],
  [65103, { exportAction: tagged(1, without(64901)) }, { exportAction: tagged(1, without(64901)) }],
  [65104, { exportAction: tagged(1, without(64901)) }, { exportAction: tagged(2, without(64902)) }],
  [65105, { exportAction: tagged(1, without(64902)) }, { exportAction: tagged(1, without(64901)) }],
  [65106, { exportAction: tagged(1), removePrivateAs: true }, { exportAction: tagged(1), removePrivateAs: true }],
  [64902, { exportAction: tagged(1), asOverride: true }, { exportAction: tagged(1), asOverride: true }],
  [64901, { exportAction: tagged(1), asOverride: true }, { exportAction: tagged(1), asOverride: true }],
  [65109, { exportAction: tagged(1), nextHopMode: 'Keep' }, { exportAction: tagged(1), nextHopMode: 'Keep' }],
  [65010, { exportAction: tagged(1) }, { exportAction: tagged(1, without(64901)) }],
  [65010, { exportAction: tagged(1), reflectorClient: true }, { exportAction: 'Reject', reflectorClient: true }],
];

/** What the chosen peers hear after each step. */
function play(chosen: readonly number[]): string[][][] {
  const world = new FakeWorld();
  const address = (i: number) => `10.0.1.${i + 1}`;
  const source = speakerAt(world, '10.0.0.1').speaker;
  // Treated as some that are only told, and told what the other source has: but not its own.
  const second = speakerAt(world, '10.0.0.2').speaker;
  const inner = speakerAt(world, '10.0.0.3').speaker;
  const middle = speakerAt(world, '10.0.0.10').speaker;
  const announce = (prefixes: string[], ...paths: number[][]) => {
    const rules = paths.map((path, i): FilterRule => {
      const last = i === paths.length - 1;
      const conditions = last ? {} : { cidr: prefixes[i], matchOperator: 'Equal' as const };
      return { action: 'Accept', ...conditions, operations: [{ prependASPath: { prefix: path } }] };
    });
    const exportAction = { ipv4Unicast: { rules, otherwise: 'Accept' }, ipv6Unicast: 'Accept' } as const;
    source.configure(
      config(
        65001,
        '10.0.0.1',
        [peer('middle', '10.0.0.10', 65010, { exportAction })],
        [...prefixes, '2001:db8:5::/48'],
      ),
    );
  };
  const configure = (state: 1 | 2) =>
    middle.configure(
      config(
        65010,
        '10.0.0.10',
        [
          peer('source', '10.0.0.1', 65001, { passive: true }),
          peer('second', '10.0.0.2', 65002, { passive: true }),
          peer('inner', '10.0.0.3', 65010, { passive: true }),
          ...chosen.map((i) => {
            const variant = variants[i];
            return peer(`p${i}`, address(i), variant[0], { passive: true, ...variant[state] });
          }),
        ],
        ['10.200.0.0/16'],
      ),
    );
  configure(1);
  const receivers = chosen.map((i) => {
    const { speaker } = speakerAt(world, address(i));
    speaker.configure(config(variants[i][0], address(i), [peer('middle', '10.0.0.10', 65010, { allowOwnAs: 9 })]));
    return speaker;
  });
  second.configure(
    config(65002, '10.0.0.2', [peer('middle', '10.0.0.10', 65010)], ['10.1.0.0/16', '10.6.0.0/16', '10.7.0.0/16']),
  );
  inner.configure(config(65010, '10.0.0.3', [peer('middle', '10.0.0.10', 65010)], ['10.8.0.0/16']));
  const heard = () =>
    [...receivers, source, second, inner].map((receiver) =>
      (receiver.routes('middle') ?? [])
        .map(({ prefix, asPath, nextHop, attributes }) => JSON.stringify([prefix, asPath, nextHop, attributes]))
        .sort(),
    );
  const steps = [
    () => announce(['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16'], [64901], [64902], [64903, 65500]),
    // The same prefixes with each other's attributes, whose numbers are given out again.
    () => announce(['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16'], [64902], [64901], [64901]),
    () => configure(2),
    () => announce(['10.4.0.0/16', '10.2.0.0/16'], [64902], [64903]),
    () => configure(1),
    () => announce(['10.3.0.0/16'], [64901]),
  ];
  return steps.map((step, i) => {
    step();
    world.advance(i === 0 ? 30_000 : 2000);
    return heard();
  });
}

it('tells each of many peers what it would tell that peer alone', () => {
  const together = play(variants.map((_, i) => i));
  for (const i of variants.keys()) {
    const alone = play([i]);
    for (const [step, all] of together.entries()) {
      expect([step, variants[i], all[i]]).toEqual([step, variants[i], alone[step][0]]);
      // The sources hear the same whoever else there is.
      expect([step, all.slice(-3)]).toEqual([step, alone[step].slice(-3)]);
    }
  }
  // It says something, and not the same to all.
  expect(new Set(together[0].map((list) => list.join())).size).toBeGreaterThan(7);
});
