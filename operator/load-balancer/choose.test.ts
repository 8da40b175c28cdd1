import type { ServiceAddress } from '@caracal/datastore';
import type { PoolCandidate } from '@caracal/ipam';
import {
  addOffset,
  type Family,
  familyOf,
  formatAddress,
  parseAddress,
  parsePrefix,
  prefixContains,
  prefixSize,
} from '@caracal/net';
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { AddressBook } from './address-book.ts';
import { choose } from './choose.ts';
import type { Want } from './want.ts';

const pool = (name: string, cidr: string, more: Partial<PoolCandidate> = {}): PoolCandidate => ({
  ...{ name, cidr, disabled: false, assignmentMode: 'Automatic', allowedUses: ['LoadBalancer'] },
  ...{ selectsNode: true, selectsNamespace: true },
  ...more,
});
const row = (address: string, uid: string, of = 'a'): ServiceAddress => ({
  ...{ address, pool: of, namespace: 'shop', name: uid, uid },
});
const pools = [
  pool('a', '203.0.113.0/30'),
  pool('b', '198.51.100.0/30'),
  pool('six', '2001:db8::/126'),
  pool('manual', '192.0.2.0/30', { assignmentMode: 'Manual' }),
  pool('off', '192.0.2.4/30', { disabled: true }),
  pool('pods', '10.0.0.0/24', { allowedUses: ['Workload'] }),
];

function bookOf(rows: readonly ServiceAddress[] = [], reserved: readonly string[] = [], of = pools): AddressBook {
  const book = new AddressBook();
  book.load(
    of,
    reserved.map((cidr) => parsePrefix(cidr)!),
    rows,
  );
  return book;
}
const want = (more: Partial<Want> = {}): Want => ({ families: [4], all: false, addresses: [], pools: {}, ...more });
const both = { families: [4, 6] as Family[] };

/** `address@pool` of what is chosen for `web`, and what is missing. */
function chosen(wanted: Partial<Want>, book: AddressBook, inStatus: readonly string[] = []) {
  const { addresses, problems } = choose(want(wanted), 'web', inStatus, book);
  return [...addresses.map(({ address, pool: of }) => `${address}@${of}`), ...problems];
}
const a = (last: number) => `203.0.113.${last}`;
const wholeA = [0, 1, 2, 3].map((last) => row(a(last), `s${last}`));

describe('a service gets', () => {
  it.each<[string, Partial<Want>, AddressBook, string[], string[]?]>([
    ['the lowest address of the first pool', {}, bookOf(), ['203.0.113.0@a']],
    ['the lowest that is free', {}, bookOf([row(a(0), 'x'), row(a(2), 'y')]), ['203.0.113.1@a']],
    ['none that is reserved', {}, bookOf([], ['203.0.113.0/31']), ['203.0.113.2@a']],
    ['of the next pool when one is full', {}, bookOf(wholeA), ['198.51.100.0@b']],
    ['of the next pool when one is all reserved', {}, bookOf([], ['203.0.0.0/16']), ['198.51.100.0@b']],
    ['one of each family, in its order', { families: [6, 4] }, bookOf(), ['2001:db8::@six', '203.0.113.0@a']],
    ['what it has', {}, bookOf([row(a(2), 'web')]), ['203.0.113.2@a']],
    ['what it has, of a pool that is full', {}, bookOf([...wholeA.slice(0, 3), row(a(3), 'web')]), ['203.0.113.3@a']],
    ['what its status has when nobody knows of it', {}, bookOf(), ['203.0.113.3@a'], [a(3)]],
    ['another when somebody has what its status has', {}, bookOf([row(a(0), 'x')]), ['203.0.113.1@a'], [a(0)]],
    ['nothing of a status that is of no pool of ours', {}, bookOf(), ['203.0.113.0@a'], ['192.0.2.99', '10.0.0.1']],
    ['what it asks for', { addresses: [a(3)] }, bookOf(), ['203.0.113.3@a']],
    ['what it asks for instead of what it has', { addresses: [a(3)] }, bookOf([row(a(0), 'web')]), ['203.0.113.3@a']],
    ['what it asks for of a Manual pool', { addresses: ['192.0.2.1'] }, bookOf(), ['192.0.2.1@manual']],
    ['of the pool that it names', { pools: { 4: ['b'] } }, bookOf(), ['198.51.100.0@b']],
    ['of the pool that it names by its CIDR', { pools: { 4: ['192.0.2.0/30'] } }, bookOf(), ['192.0.2.0@manual']],
    ['of the pool that it names by now', { pools: { 4: ['b'] } }, bookOf([row(a(0), 'web')]), ['198.51.100.0@b']],
    [
      'of any pool of the family for which it names none',
      { ...both, pools: { 4: ['b'] } },
      bookOf(),
      ['198.51.100.0@b', '2001:db8::@six'],
    ],
  ])('%s', (_, wanted, book, expected, inStatus) => expect(chosen(wanted, book, inStatus)).toEqual(expected));
});

const noSix = pools.filter(({ name }) => name !== 'six');
const missingSix =
  'there is no enabled IPv6 IPPool whose allowedUses is [LoadBalancer] and whose assignmentMode is Automatic: apply one';

describe('a service that cannot get all hears why', () => {
  it.each<[string, Partial<Want>, AddressBook, string[]]>([
    ['both families or none', { ...both, all: true }, bookOf([], [], noSix), [missingSix]],
    ['one family rather than none', both, bookOf([], [], noSix), ['203.0.113.0@a', missingSix]],
    [
      'what it has stays, when more cannot be had',
      { ...both, all: true },
      bookOf([row(a(1), 'web')], [], noSix),
      ['203.0.113.1@a', missingSix],
    ],
    ['all pools are full', { pools: { 4: ['a'] } }, bookOf(wholeA), ['no address of IPv4 is free: IPPool/a is full']],
    [
      'somebody has what it asks for, and it keeps what it has',
      { addresses: [a(0)] },
      bookOf([row(a(0), 'x'), row(a(2), 'web')]),
      ['203.0.113.2@a', 'the requested address 203.0.113.0 is held by Service shop/x'],
    ],
    [
      'reserved',
      { addresses: [a(0)] },
      bookOf([], ['203.0.113.0/32']),
      ['the requested address 203.0.113.0 is reserved by an IPReservation'],
    ],
    [
      'of a disabled pool',
      { addresses: ['192.0.2.5'] },
      bookOf(),
      ['the requested address 192.0.2.5 lies in IPPool/off, which is disabled'],
    ],
    [
      'of a pool for pods',
      { addresses: ['10.0.0.1'] },
      bookOf(),
      ['the requested address 10.0.0.1 lies in IPPool/pods, not for LoadBalancer'],
    ],
    ['of a pool that there is not', { pools: { 4: ['z'] } }, bookOf(), ['there is no IPPool z']],
    [
      'of a pool of the other family',
      { pools: { 4: ['six'] } },
      bookOf(),
      ['none of the requested pools (six) is an enabled IPv4 pool whose allowedUses is [LoadBalancer]'],
    ],
  ])('%s', (_, wanted, book, expected) => expect(chosen(wanted, book)).toEqual(expected));
});

test('what stands in the status of a service whose turn has not come is for nobody else', () => {
  const book = bookOf();
  book.claim(a(0), 'before', 'shop/before');
  expect(chosen({}, book)).toEqual(['203.0.113.1@a']);
  expect(chosen({ addresses: [a(0)] }, book)).toEqual([
    'the requested address 203.0.113.0 stands in the status of Service shop/before',
  ]);
  expect(choose(want(), 'before', [a(0)], book).addresses).toEqual([{ address: a(0), pool: 'a' }]);
  book.settle('before');
  expect(chosen({}, book)).toEqual(['203.0.113.0@a']);
});

test('what Postgres says that another has is passed over', () => {
  const book = bookOf();
  book.takenByOther(a(0), 'node n1, whose block 203.0.113.0/30 it lies in');
  expect(chosen({}, book)).toEqual(['203.0.113.1@a']);
});

const step = fc.record({
  service: fc.integer({ min: 0, max: 11 }).map((n) => `s${n}`),
  gone: fc.boolean(),
  families: fc.constantFrom<Family[]>([4], [6], [4, 6], [6, 4]),
  all: fc.boolean(),
  named: fc.constantFrom(undefined, 'a', 'b'),
  asked: fc.constantFrom(undefined, undefined, ...[0, 1, 2, 3].map(a)),
});
const reservations = fc.subarray(['203.0.113.1/32', '198.51.100.2/31', '2001:db8::/127', '203.0.113.0/24']);

test('whatever services come, change and go: no address twice, none reserved, both or neither, and always the lowest free', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), reservations, (steps, reserved) => {
      const book = bookOf([], reserved);
      const isReserved = (offset: number, of: string) => {
        const prefix = parsePrefix(pools.find(({ name }) => name === of)!.cidr)!;
        return reserved.some((cidr) => prefixContains(parsePrefix(cidr)!, addOffset(prefix.address, offset)!));
      };
      /** By looking at every address. */
      const lowest = (of: string) => {
        const prefix = parsePrefix(pools.find(({ name }) => name === of)!.cidr)!;
        const taken = new Set(book.rows().map(({ address }) => address));
        for (let offset = 0; offset < prefixSize(prefix); offset++) {
          const text = formatAddress(addOffset(prefix.address, offset)!);
          if (!taken.has(text) && !isReserved(offset, of)) return text;
        }
        return undefined;
      };
      const owners = new Map<string, string>();
      for (const { service, gone, families, all, named, asked } of steps) {
        const had = book.of(service);
        const wanted = want({
          families,
          all: all && families.length === 2,
          pools: { 4: named && [named] },
          addresses: asked && families.includes(4) ? [asked] : [],
        });
        const { addresses } = gone ? { addresses: [] } : choose(wanted, service, [], book);
        const expected = { a: lowest('a'), b: lowest('b'), six: lowest('six') };
        for (const { address, pool: of } of addresses) {
          expect(owners.get(address) ?? service).toBe(service);
          const isNew = !had.some((each) => each.address === address);
          if (isNew && !wanted.addresses.includes(address)) expect(address).toBe(expected[of as 'a' | 'b' | 'six']);
          if (isNew)
            expect(reserved.filter((cidr) => prefixContains(parsePrefix(cidr)!, parseAddress(address)!))).toEqual([]);
        }
        expect(new Set(addresses.map(({ address }) => familyOf(address))).size).toBe(addresses.length);
        if (wanted.all && had.length === 0) expect([0, 2]).toContain(addresses.length);
        for (const { address } of had) {
          if (addresses.some((each) => each.address === address)) continue;
          book.free(address);
          owners.delete(address);
        }
        for (const { address, pool: of } of addresses) {
          book.take(row(address, service, of));
          owners.set(address, service);
        }
        expect(new Map(book.rows().map(({ address, uid }) => [address, uid]))).toEqual(owners);
      }
    }),
    { numRuns: 300 },
  );
});

test('a pool of 2^64 addresses costs what its used addresses cost', () => {
  const book = bookOf([], ['2001:db8:1::/80'], [pool('wide', '2001:db8:1::/64')]);
  for (let n = 0; n < 2000; n++) book.take(row(book.lowestFree('wide')!, `s${n}`, 'wide'));
  expect(book.lowestFree('wide')).toBe('2001:db8:1:0:1::7d0');
});
