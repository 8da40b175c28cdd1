import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matches } from './reactions/outcome.ts';
import { tables } from './reactions/rows/index.ts';
import { createWorld, type World } from './reactions/world.ts';

/**
 * What a peer does that it should not, and the reaction that an RFC asks for: every row is played over TCP against one
 * real caracal-bgp, many at once, before the first is judged.
 */
const rows = Object.values(tables).flat();
let world: World;
let outcomes: (string | Error)[] = [];

beforeAll(async () => {
  world = await createWorld(rows);
  outcomes = await world.playAll();
});
afterAll(() => world?.stop());

for (const [title, table] of Object.entries(tables)) {
  describe(title, () => {
    it.each(table.map((row) => ({ ...row, label: `${row.name} (${row.rfc}): ${row.reaction}` })))('$label', (row) => {
      const happened = outcomes[rows.findIndex(({ name }) => name === row.name)];
      if (happened instanceof Error) throw happened;
      if (!matches(happened, row.reaction)) expect(happened).toBe(row.reaction);
    });
  });
}

it('has the process alive and the collector told, after all of it', async () => {
  const peers = await world.process.peers();
  expect(peers.find(({ name }) => name === 'collector')).toMatchObject({ state: 'Established' });
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
});
