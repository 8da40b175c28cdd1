import { addressFromBytes, formatPrefix, type Prefix, prefixOf } from '@caracal/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PeerFacts } from '../decision/steps.ts';
import { AttributeStore } from './attribute-store.ts';
import { Bitmap } from './bitmap.ts';
import { ChangeQueue } from './change-queue.ts';
import { LocRib } from './loc-rib.ts';
import { PrefixIndex } from './prefix-index.ts';

/** So few that they meet again: host routes and what covers them. */
const prefix = (octets: 4 | 16, hosts = 60): fc.Arbitrary<Prefix> =>
  fc.tuple(fc.nat(hosts - 1), fc.constantFrom(8 * octets, 8 * octets - 1)).map(([host, length]) => {
    const bytes = new Uint8Array(octets).fill(7);
    bytes[octets - 1] = host;
    return prefixOf(addressFromBytes(bytes), length);
  });

describe('PrefixIndex', () => {
  it.each([4, 16] as const)('numbers prefixes of %s octets like a map', (octets) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), prefix(octets)), { maxLength: 300 }), (operations) => {
        const index = new PrefixIndex(octets === 4 ? 4 : 6);
        const model = new Map<string, number>();
        for (const [add, one] of operations) {
          const key = formatPrefix(one);
          if (add) {
            const number = index.add(one);
            if (model.has(key)) expect(number).toBe(model.get(key));
            else expect([...model.values()]).not.toContain(number);
            model.set(key, number);
          } else {
            const number = model.get(key);
            if (number !== undefined) index.remove(number);
            // A second removal must do nothing.
            if (number !== undefined) index.remove(number);
            model.delete(key);
          }
        }
        expect(index.size).toBe(model.size);
        for (const [, one] of operations) expect(index.find(one)).toBe(model.get(formatPrefix(one)) ?? -1);
        for (const [key, number] of model) expect(formatPrefix(index.at(number))).toBe(key);
      }),
    );
  });
});

describe('AttributeStore', () => {
  it('gives equal sets one number while somebody uses them, and gives back what went in', () => {
    const set = fc.record({
      origin: fc.nat(2),
      med: fc.nat(20),
      communities: fc.array(fc.nat(3), { minLength: 1, maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), set), { maxLength: 300 }), (operations) => {
        const store = new AttributeStore();
        const model = new Map<string, { number: number; users: number }>();
        for (const [add, attributes] of operations) {
          const key = JSON.stringify(attributes);
          const known = model.get(key);
          if (add) {
            const number = store.intern(attributes);
            if (known) expect(number).toBe(known.number);
            model.set(key, { number, users: (known?.users ?? 0) + 1 });
          } else if (known) {
            store.release(known.number);
            if (known.users === 1) model.delete(key);
            else known.users--;
          }
        }
        expect(store.size).toBe(model.size);
        expect(new Set([...model.values()].map(({ number }) => number)).size).toBe(model.size);
        for (const [key, { number }] of model) expect(store.at(number)).toEqual(JSON.parse(key));
      }),
    );
  });
});

describe('ChangeQueue', () => {
  it('gives every waiting number once, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(200)), { maxLength: 500 }), (operations) => {
        const queue = new ChangeQueue();
        const model: number[] = [];
        for (const number of operations) {
          if (number === null) expect(queue.shift()).toBe(model.shift() ?? -1);
          else {
            queue.push(number);
            if (!model.includes(number)) model.push(number);
          }
          expect(queue.length).toBe(model.length);
        }
      }),
    );
  });
});

it('Bitmap is a set that counts', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(999))), (operations) => {
      const bitmap = new Bitmap();
      const model = new Set<number>();
      for (const [add, number] of operations) {
        expect(add ? bitmap.add(number) : bitmap.delete(number)).toBe(add ? !model.has(number) : model.has(number));
        if (add) model.add(number);
        else model.delete(number);
      }
      expect(bitmap.size).toBe(model.size);
      for (const [, number] of operations) expect(bitmap.has(number)).toBe(model.has(number));
    }),
  );
});

interface Announced {
  readonly peer: number;
  readonly id: number;
  readonly localPref: number;
  readonly rejected: boolean;
  stale: boolean;
}

describe('LocRib', () => {
  const facts: PeerFacts = { isExternal: () => true, identifier: (peer) => peer, addressRank: (peer) => peer };
  const operation = fc.record({
    kind: fc.constantFrom(
      ...['announce', 'announce', 'announce', 'announce', 'withdraw', 'withdraw', 'removePeer', 'decide'],
      ...['markStale', 'removeStale'],
    ),
    peer: fc.integer({ min: 1, max: 4 }),
    // Peers 1 and 2 send path identifiers.
    id: fc.nat(2),
    prefix: prefix(4, 4),
    localPref: fc.nat(3),
    rejected: fc.boolean(),
  });

  it('has the best path of every prefix, whatever the order of events, and leaks nothing', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const attributes = new AttributeStore();
        const rib = new LocRib('ipv4Unicast', attributes);
        /** prefix → peer and path identifier → what was announced. */
        const model = new Map<string, Map<string, Announced>>();
        const each = (visit: (announced: Announced, forget: () => void) => void) => {
          for (const paths of model.values()) {
            for (const [key, announced] of paths) visit(announced, () => paths.delete(key));
          }
        };
        const decideAll = () => {
          for (let decided = rib.decideNext(facts); decided; decided = rib.decideNext(facts)) {
            if (decided.equal.length === 0) rib.removeRoute(decided.route);
          }
        };
        for (const { kind, peer, prefix: one, localPref, rejected, ...given } of operations) {
          const key = formatPrefix(one);
          const id = peer <= 2 ? given.id : 0;
          if (kind === 'announce') {
            rib.announce(peer, one, attributes.intern({ origin: 0, localPref }), rejected ? 1 : 0, id);
            if (!model.has(key)) model.set(key, new Map());
            model.get(key)?.set(`${peer} ${id}`, { peer, id, localPref, rejected, stale: false });
          } else if (kind === 'withdraw') {
            rib.withdraw(peer, one, id);
            model.get(key)?.delete(`${peer} ${id}`);
          } else if (kind === 'removePeer') {
            rib.removePeer(peer);
            each((announced, forget) => announced.peer === peer && forget());
          } else if (kind === 'markStale' || kind === 'removeStale') {
            if (kind === 'markStale') rib.markStale(peer);
            else rib.removeStale(peer);
            // What was stale before goes either way.
            each((announced, forget) => announced.peer === peer && announced.stale && forget());
            each((announced) => {
              if (announced.peer === peer && kind === 'markStale') announced.stale = true;
            });
          } else decideAll();
        }
        decideAll();
        for (const [key, paths] of model) {
          const candidates = [...paths.values()].filter(({ rejected }) => !rejected);
          // The highest preference, then the lowest peer, then the lowest path identifier.
          candidates.sort((a, b) => b.localPref - a.localPref || a.peer - b.peer || a.id - b.id);
          const number = rib.prefixes.find(prefixOfText(key));
          const best = number < 0 ? -1 : rib.bestPath(number);
          const [first] = candidates;
          expect(best < 0 ? undefined : [rib.paths.peer[best], rib.paths.id(best)]).toEqual(
            first && [first.peer, first.id],
          );
        }
        const all = [...model.values()].flatMap((paths) => [...paths.values()]);
        for (const peer of [1, 2, 3, 4]) {
          const mine = all.filter((announced) => announced.peer === peer);
          expect(rib.counts(peer)).toEqual({
            received: mine.length,
            accepted: mine.filter(({ rejected }) => !rejected).length,
            prefixes: [...model.values()].filter((paths) => [...paths.values()].some((one) => one.peer === peer))
              .length,
          });
        }
        for (const peer of [1, 2, 3, 4]) rib.removePeer(peer);
        decideAll();
        expect([attributes.size, rib.paths.size]).toEqual([0, 0]);
      }),
    );
  });

  const prefixOfText = (text: string): Prefix => {
    const [address, length] = text.split('/');
    return { address: { family: 4, bytes: Uint8Array.from(address.split('.').map(Number)) }, length: Number(length) };
  };
});
