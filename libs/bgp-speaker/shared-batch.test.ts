import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AdjRibOut } from './rib/adj-rib-out.ts';
import { Holders } from './rib/holders.ts';
import { SharedBatches } from './shared-batch.ts';

const routes = 6;
/** A peer before the batch: what it was told, what waits, and whether it is told a default route of our own. */
const state = fc.record({
  told: fc.uniqueArray(fc.nat(routes - 1)),
  waiting: fc.uniqueArray(fc.nat(routes - 1), { minLength: 1 }),
  ownDefault: fc.constantFrom(false, false, false, true),
});
type State = typeof state extends fc.Arbitrary<infer T> ? T : never;
/** Of each route: the peer that the best path comes from; 0 when nobody gets it. */
const best = fc.array(fc.constantFrom(0, 0, 3, 3, 3, 4, 4, 4, 1, 2), { minLength: routes, maxLength: routes });

function outOf({ told, waiting, ownDefault }: State): AdjRibOut {
  const out = new AdjRibOut(new Holders());
  for (const route of told) out.add(route);
  for (const route of waiting) out.enqueue(route);
  if (ownDefault) out.defaultRoute = 0;
  return out;
}

/** What a peer is told of its first `count` waiting routes, by the rule alone. */
function alone({ told, waiting }: State, peer: number, from: readonly number[], count: number) {
  return waiting.slice(0, count).map((route) => {
    if (from[route] > 0 && from[route] !== peer) return `+${route}`;
    return told.includes(route) ? `-${route}` : `nothing of ${route}`;
  });
}

it('is told to another peer exactly when that one would hear the same, and leaves it as if it had been told by itself', () => {
  let shared = 0;
  fc.assert(
    fc.property(state, state, best, fc.boolean(), (one, other, from, alike) => {
      const batches = new SharedBatches(routes);
      const second = alike ? { ...other, told: one.told, waiting: one.waiting } : other;
      const [a, b] = [outOf(one), outOf(second)];
      const batch = batches.begin();
      const said = alone(one, 1, from, routes);
      const messages = said.filter((text) => !text.startsWith('nothing')).map((text) => new TextEncoder().encode(text));
      for (let route = a.next(), i = 0; route >= 0; route = a.next(), i++) {
        if (said[i][0] === '+') batch?.announced(route, from[route]);
        else if (said[i][0] === '-') batch?.withdrawn(route);
        else batch?.nothing(route);
        if (from[route] === 1 || (one.ownDefault && route === 0)) batch?.spoil();
      }
      batch?.complete(messages);
      const found = batches.find(b, 2);
      const same =
        !second.ownDefault &&
        !one.waiting.some((route) => from[route] === 1 || (one.ownDefault && route === 0)) &&
        JSON.stringify(alone(second, 2, from, one.waiting.length)) === JSON.stringify(said) &&
        !said.some((text, i) => text[0] === '+' && from[one.waiting[i]] === 2);
      expect(found !== undefined).toBe(same);
      if (!found) return;
      shared++;
      const released: number[] = [];
      expect(found.tell(b, (route) => released.push(route))).toBe(messages);
      const told = new Set(second.told);
      for (const [i, route] of one.waiting.entries()) said[i][0] === '+' ? told.add(route) : told.delete(route);
      expect(b.size).toBe(told.size);
      for (const route of told) expect(b.has(route)).toBe(true);
      expect(b.pending).toBe(second.waiting.length - one.waiting.length);
      expect(released).toEqual(one.waiting.filter((_, i) => said[i][0] !== '+'));
      expect([batches.forget(), batches.forget()]).toEqual([true, false]);
      expect(batches.find(outOf(second), 2)).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
  expect(shared).toBeGreaterThan(50);
});
