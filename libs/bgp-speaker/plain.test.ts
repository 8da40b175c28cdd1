import { formatPrefix, parseAddress, parsePrefix } from '@caracal/net';
import {
  type AsPath,
  createFramer,
  decodeMessage,
  encodeAttributes,
  encodeMessage,
  initialContext,
  type PathAttributes,
  type Update,
} from 'bgp-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PeerConfig } from './config.ts';
import { MessageSlab } from './message-slab.ts';
import { Peer } from './peer.ts';
import type { PeerListener } from './peer-listener.ts';
import { PlainUpdates } from './plain-updates.ts';
import { exportAttributes, type Source } from './policy/export.ts';
import { exportPlain, plainExportLength } from './policy/export-plain.ts';
import { AttributeStore } from './rib/attribute-store.ts';
import { LocRib } from './rib/loc-rib.ts';
import { PrefixIndex } from './rib/prefix-index.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { applyUpdate, type Ribs } from './update-in.ts';
import { pathViews } from './views.ts';

const address = (text: string) => {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(text);
  return parsed;
};

function ribs(): Ribs {
  const attributes = new AttributeStore();
  const families = {
    ipv4Unicast: new LocRib('ipv4Unicast', attributes),
    ipv6Unicast: new LocRib('ipv6Unicast', attributes),
  };
  return { attributes, families };
}

const silent: PeerListener = {
  onEstablished: () => {},
  onDown: () => {},
  onStaleEnd: () => {},
  restarting: () => false,
  onPlainUpdate: () => false,
  onUpdate: () => {},
  onRouteRefresh: () => {},
  onDrain: () => {},
  onIdle: () => {},
  onChange: () => {},
};

/** A peer of AS 65001 as it is while its session is established. */
function peerOf(peerAs: number, changes: Partial<PeerConfig> = {}): Peer {
  const config: PeerConfig = {
    name: 'peer',
    peerAddress: '10.0.0.2',
    peerAs,
    holdTimeSeconds: 90,
    connectRetrySeconds: 5,
    passive: true,
    families: ['ipv4Unicast', 'ipv6Unicast'],
    importAction: 'Accept',
    exportAction: 'Accept',
    ...changes,
  };
  const local = { asNumber: 65001, identifier: 0x0a000001, clusterId: 0x0a000001 };
  const peer = new Peer(config, local, 1, 179, new FakeWorld().environment('10.0.0.1'), silent);
  peer.addresses = { ipv4: address('10.0.0.1') };
  peer.negotiated = {
    peerAs,
    peerIdentifier: 0x0a000002,
    holdTimeSeconds: 90,
    families: ['ipv4Unicast', 'ipv6Unicast'],
    routeRefresh: true,
    sendsPaths: [],
    context: { ...initialContext, external: peer.external },
  };
  return peer;
}

const asNumber = fc.constantFrom(65001, 65002, 65003, 65004, 65005, 65006, 65007, 4_200_000_000);
const prefix = fc
  .tuple(fc.nat(3), fc.constantFrom(0, 1, 7, 8, 15, 24, 31, 32))
  .map(([block, length]) => ({ text: `10.${block}.0.0`, length }))
  .map(({ text, length }) =>
    parsePrefix(length >= 15 ? `${text.replace(/\d+\.0\.0$/, '2.0.0')}/${length}` : '0.0.0.0/0'),
  )
  .filter((parsed) => parsed !== undefined)
  .map((parsed) => ({ prefix: parsed }));
/** Seldom there, so that most lists are plain. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const often = <T>(usual: fc.Arbitrary<T>, unusual: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: unusual });
const attributes: fc.Arbitrary<PathAttributes> = fc
  .record({
    origin: fc.constantFrom(0, 1, 2),
    asPath: often<AsPath>(
      fc.array(asNumber, { maxLength: 3 }).map((rest) => [{ type: 'sequence', asNumbers: [65002, ...rest] }]),
      fc.constantFrom<AsPath>(
        [],
        [
          { type: 'sequence', asNumbers: [65002] },
          { type: 'set', asNumbers: [7, 8] },
        ],
        [{ type: 'sequence', asNumbers: new Array<number>(63).fill(65002) }],
      ),
    ),
    nextHop: often(fc.constantFrom('10.0.0.2', '10.9.9.9'), fc.constantFrom('10.0.0.1', '224.0.0.1')).map(address),
    med: fc.option(fc.nat(5), { nil: undefined }),
    localPref: seldom(fc.nat(300)),
    communities: fc.option(
      often(
        fc.array(fc.constantFrom(65001 * 65536 + 1, 5), { minLength: 1, maxLength: 3 }),
        fc.array(fc.constantFrom(0xffffff01, 0xffffff02, 5), { minLength: 1, maxLength: 70 }),
      ),
      { nil: undefined },
    ),
    largeCommunities: seldom(fc.constant<PathAttributes['largeCommunities']>([[65001, 1, 2]])),
    unknown: seldom(fc.constant([{ code: 200, flags: 0xc0, value: Uint8Array.of(1) }])),
  })
  .map((value) => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)));
const update: fc.Arbitrary<Update> = fc.record({
  type: fc.constant('update' as const),
  withdrawn: fc.array(prefix, { maxLength: 3 }),
  attributes: fc.oneof({ weight: 8, arbitrary: attributes }, fc.constant({})),
  announced: fc.array(prefix, { maxLength: 3 }),
});

describe('the short way in', () => {
  it('leaves what the way through the codec leaves, or does not touch the UPDATE', () => {
    let short = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(update, fc.nat(), fc.nat(255), fc.nat(3)), { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        (updates, external) => {
          const peer = peerOf(external ? 65002 : 65001);
          const context = peer.negotiated?.context ?? initialContext;
          const [a, b] = [ribs(), ribs()];
          const plain = new PlainUpdates(a, peer);
          for (const [value, at, byte, damaged] of updates) {
            const bytes = encodeMessage(value, context);
            // What is damaged behind the header must be taken as the codec takes it.
            if (damaged === 0) bytes[19 + (at % (bytes.length - 19))] = byte;
            const decoded = decodeMessage(bytes, context);
            // In the middle of a buffer, as the framer has it.
            const buffer = new Uint8Array(bytes.length + 9).fill(7);
            buffer.set(bytes, 5);
            if (plain.apply(buffer, 5, 5 + bytes.length)) {
              short++;
              expect(decoded).toMatchObject({ ok: true, faults: [] });
            } else if (decoded.ok && decoded.message.type === 'update') {
              applyUpdate(a, peer, decoded.message, decoded.faults);
            }
            if (decoded.ok && decoded.message.type === 'update') applyUpdate(b, peer, decoded.message, decoded.faults);
          }
          expect(pathViews(a, String)).toEqual(pathViews(b, String));
          expect(a.attributes.size).toBe(b.attributes.size);
          expect(a.families.ipv4Unicast.counts(1)).toEqual(b.families.ipv4Unicast.counts(1));
        },
      ),
      { numRuns: 1000 },
    );
    expect(short).toBeGreaterThan(500);
  });
});

describe('the short way out', () => {
  it('writes what the codec would write', () => {
    let short = 0;
    fc.assert(
      fc.property(
        attributes,
        fc.boolean(),
        fc.constantFrom<Source>('external', 'internal', 'local'),
        (value, external, source) => {
          const peer = peerOf(external ? 65009 : 65001);
          const store = new AttributeStore();
          store.intern({ ...value, origin: 2, med: 77 });
          const number = store.intern(value);
          const to = new Uint8Array(plainExportLength);
          const length = exportPlain(peer, source, store, number, to);
          if (length < 0) return;
          short++;
          const exported = exportAttributes(peer, 'ipv4Unicast', source, store.at(number), store.nextHop(number));
          const wanted = exported && { ...exported.attributes, nextHop: exported.nextHop };
          expect(to.subarray(0, length)).toEqual(
            wanted && encodeAttributes(wanted, peer.negotiated?.context ?? initialContext),
          );
        },
      ),
      { numRuns: 2000 },
    );
    expect(short).toBeGreaterThan(200);
  });

  it('fills messages and keeps all prefixes, across buffers', () => {
    const index = new PrefixIndex(4);
    const texts = Array.from({ length: 60_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`);
    const routes = texts.map((text) => {
      const parsed = parsePrefix(text);
      if (!parsed) throw new Error(text);
      return index.add(parsed);
    });
    const framer = createFramer();
    const slab = new MessageSlab((bytes) => framer.push(bytes));
    const set = encodeAttributes({ origin: 0, asPath: [], nextHop: address('10.0.0.1') }, initialContext);
    slab.beginAnnouncing(set, set.length, 4096);
    for (const route of routes) slab.add(index, route);
    slab.end();
    slab.beginWithdrawing(4096);
    for (const route of routes) slab.add(index, route);
    slab.end();
    slab.flush();
    const [announced, withdrawn]: [string[], string[]] = [[], []];
    let messages = 0;
    for (let next = framer.next(initialContext); next; next = framer.next(initialContext)) {
      if ('kind' in next) throw new Error(next.message);
      const decoded = decodeMessage(next, initialContext);
      if (!decoded.ok || decoded.message.type !== 'update') throw new Error('no UPDATE');
      expect(decoded.faults).toEqual([]);
      messages++;
      announced.push(...decoded.message.announced.map((nlri) => formatPrefix(nlri.prefix)));
      withdrawn.push(...decoded.message.withdrawn.map((nlri) => formatPrefix(nlri.prefix)));
    }
    expect(announced).toEqual(texts);
    expect(withdrawn).toEqual(texts);
    // A prefix takes four octets: about a thousand fit into a message.
    expect(messages).toBeLessThan(2 * 62);
  });
});
