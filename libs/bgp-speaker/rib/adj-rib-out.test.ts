import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AdjRibOut } from './adj-rib-out.ts';
import { Holders } from './holders.ts';

const operation = fc.record({
  kind: fc.constantFrom('enqueue', 'next', 'add', 'delete', 'default', 'noDefault', 'end'),
  peer: fc.nat(2),
  route: fc.constantFrom(1, 2, 3, 70),
});

it('holds a route while a peer was told of it, has yet to hear news of it, or is told it as a default route', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
      const holders = new Holders();
      const peers = [0, 1, 2].map(() => ({
        out: new AdjRibOut(holders),
        told: new Set<number>(),
        waiting: [] as number[],
        defaultRoute: -1,
      }));
      for (const { kind, peer, route } of operations) {
        const model = peers[peer];
        const { out, told, waiting } = model;
        if (kind === 'enqueue') {
          out.enqueue(route);
          if (!waiting.includes(route)) waiting.push(route);
        } else if (kind === 'next') expect(out.next()).toBe(waiting.shift() ?? -1);
        else if (kind === 'add') {
          out.add(route);
          told.add(route);
        } else if (kind === 'delete') expect(out.delete(route)).toBe(told.delete(route));
        else if (kind === 'end') {
          out.end();
          told.clear();
          waiting.length = 0;
          model.defaultRoute = -1;
        } else {
          model.defaultRoute = kind === 'default' ? route : -1;
          out.defaultRoute = model.defaultRoute;
        }
        expect([out.size, out.pending, out.defaultRoute]).toEqual([told.size, waiting.length, model.defaultRoute]);
        expect(waiting.map((_, later) => out.pendingAt(later))).toEqual(waiting);
      }
      for (let route = 0; route <= 80; route++) {
        const held = peers.some(
          ({ told, waiting, defaultRoute }) => told.has(route) || waiting.includes(route) || defaultRoute === route,
        );
        expect([route, holders.has(route)]).toEqual([route, held]);
      }
      for (const { out } of peers) out.end();
      for (let route = 0; route <= 80; route++) expect(holders.has(route)).toBe(false);
    }),
  );
});
