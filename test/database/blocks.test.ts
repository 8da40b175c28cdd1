import { randomUUID } from 'node:crypto';
import { openDatastore } from '@caracal/datastore';
import { parsePrefix, prefixesOverlap } from '@caracal/net';
import { describe, expect, test } from 'vitest';
import { pool, runQuery, useDatabase } from './support.ts';

const database = useDatabase();
const incarnation = randomUUID();
const apply = (...pools: ReturnType<typeof pool>[]) => database.datastore.write({ op: 'resources', put: pools });
const claim = (name: string, node = 'n1', held?: string[], own = incarnation) =>
  database.datastore.write({ op: 'claim', pool: name, node, incarnation: own, held });
const release = (cidr: string, node = 'n1', own = incarnation) =>
  database.datastore.write({ op: 'release', cidr, node, incarnation: own });

describe('a claim', () => {
  test('grants the lowest free block, until the pool is full', async () => {
    await apply(pool('low', '10.1.0.0/24', 26));
    const granted = [];
    for (let i = 0; i < 4; i++) granted.push((await claim('low')).block?.cidr);
    expect(granted).toEqual(['10.1.0.0/26', '10.1.0.64/26', '10.1.0.128/26', '10.1.0.192/26']);
    expect(await claim('low')).toMatchObject({ full: 4 });
    await release('10.1.0.128/26');
    await release('10.1.0.64/26');
    expect((await claim('low', 'n2')).block).toMatchObject({ cidr: '10.1.0.64/26', node: 'n2' });
    expect((await claim('low', 'n2')).block?.cidr).toBe('10.1.0.128/26');
    expect((await claim('low', 'n2')).full).toBe(4);
  });

  test('works at the ends of the address spaces, and where a pool is one block', async () => {
    await apply(
      pool('top4', '255.255.255.192/26', 27),
      pool('top6', 'ffff:ffff::/32', 122),
      pool('one', '10.2.0.0/26', 26),
    );
    expect((await claim('top4')).block?.cidr).toBe('255.255.255.192/27');
    expect((await claim('top4')).block?.cidr).toBe('255.255.255.224/27');
    expect((await claim('top4')).full).toBe(2);
    expect((await claim('top6')).block?.cidr).toBe('ffff:ffff::/122');
    expect((await claim('top6')).block?.cidr).toBe('ffff:ffff::40/122');
    expect((await claim('one')).block?.cidr).toBe('10.2.0.0/26');
    expect((await claim('one')).full).toBe(1);
  });

  test('steps over blocks of another size', async () => {
    await apply(pool('sizes', '10.3.0.0/24', 26));
    await database.query(
      `INSERT INTO caracal.block VALUES ('10.3.0.16/28', 'sizes', 'old', 'x', 1), ('10.3.0.128/25', 'sizes', 'old', 'x', 1)`,
    );
    expect((await claim('sizes')).block?.cidr).toBe('10.3.0.64/26');
    expect((await claim('sizes')).full).toBe(4);
  });

  test('says what stands against it', async () => {
    await apply(pool('off', '10.4.0.0/24', 26, { disabled: true }));
    expect(await claim('off')).toMatchObject({ disabledPool: true });
    expect(await claim('no-such')).toMatchObject({ unknownPool: true });
  });

  test('can be repeated when it says what is held: a block whose grant got lost comes again, even from a pool that is disabled since', async () => {
    await apply(pool('again', '10.5.0.0/24', 26));
    const { block } = await claim('again', 'n1', []);
    expect((await claim('again', 'n1', [])).block).toEqual(block);
    const second = await claim('again', 'n1', [block!.cidr]);
    expect(second.block?.cidr).toBe('10.5.0.64/26');
    // Another incarnation, and another node, have lost nothing.
    expect((await claim('again', 'n1', [], randomUUID())).block?.cidr).toBe('10.5.0.128/26');
    expect((await claim('again', 'n2', [])).block?.cidr).toBe('10.5.0.192/26');
    await apply(pool('again', '10.5.0.0/24', 26, { disabled: true }));
    expect((await claim('again', 'n1', [block!.cidr])).block?.cidr).toBe('10.5.0.64/26');
    expect(await claim('again', 'n1', [block!.cidr, '10.5.0.64/26'])).toMatchObject({ disabledPool: true });
  });

  test('by many nodes at once, through two hubs, never grants what overlaps, and loses none', async () => {
    await apply(pool('crowd', '10.6.0.0/18', 26));
    const other = openDatastore(database.postgres.urlFor('caracal_hub'), { connections: 6 });
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        (i % 2 ? other : database.datastore).write({
          op: 'claim',
          pool: 'crowd',
          node: `n${i}`,
          incarnation: randomUUID(),
        }),
      ),
    );
    await other.close();
    const granted = answers.flatMap(({ block }) => block?.cidr ?? []);
    expect(granted).toHaveLength(256);
    expect(answers.filter(({ full }) => full === 256)).toHaveLength(44);
    const prefixes = granted.map((cidr) => parsePrefix(cidr)!);
    for (const [i, a] of prefixes.entries()) {
      for (const b of prefixes.slice(i + 1)) expect(prefixesOverlap(a, b)).toBe(false);
    }
    const stored = (await database.datastore.listBlocks()).filter((block) => block.pool === 'crowd');
    expect(stored.map(({ cidr, node }) => `${cidr} ${node}`).sort()).toEqual(
      answers.flatMap(({ block }) => (block ? `${block.cidr} ${block.node}` : [])).sort(),
    );
  });

  test('an overlap is impossible whatever a program does', async () => {
    const insert = (cidr: string) =>
      database.query(`INSERT INTO caracal.block VALUES ($1, 'any', 'n', 'x', 1)`, [cidr]);
    await insert('10.7.0.0/26');
    for (const cidr of ['10.7.0.0/26', '10.7.0.0/24', '10.7.0.32/27', '10.7.0.63/32']) {
      await expect(insert(cidr)).rejects.toThrow(/block_cidr_excl|block_pkey/);
    }
  });
});

describe('a release', () => {
  test('is for the owner alone: node and incarnation; repeating it is no error', async () => {
    await apply(pool('own', '10.8.0.0/24', 26));
    const cidr = (await claim('own')).block!.cidr;
    expect(await release(cidr, 'n2')).toMatchObject({ owner: { node: 'n1', incarnation } });
    expect(await release(cidr, 'n1', randomUUID())).toMatchObject({ owner: { node: 'n1', incarnation } });
    expect(await release(cidr)).toMatchObject({ released: true });
    expect(await release(cidr)).toMatchObject({ released: false });
  });
});

describe('a pool with blocks in use', () => {
  test('is not deleted, not narrowed, not resized; its other fields change', async () => {
    await apply(pool('used', '10.9.0.0/20', 26));
    const cidr = (await claim('used', 'n3')).block!.cidr;
    const key = { kind: 'IPPool', namespace: '', name: 'used' };
    const blocks = [{ cidr, node: 'n3' }];
    expect((await database.datastore.write({ op: 'resources', delete: [key] })).refused).toEqual([
      { ...key, reason: 'BlocksInUse', blocks },
    ]);
    expect((await apply(pool('used', '10.9.8.0/21', 26))).refused).toEqual([
      { ...key, reason: 'BlocksOutside', blocks },
    ]);
    expect((await apply(pool('used', '10.9.0.0/20', 27))).refused).toEqual([
      { ...key, reason: 'BlockSizeInUse', blocks },
    ]);
    expect((await apply(pool('used', '10.9.0.0/19', 26, { disabled: true }))).outcomes).toEqual(['configured']);
    await release(cidr, 'n3');
    expect((await database.datastore.write({ op: 'resources', delete: [key] })).refused).toBeUndefined();
  });
});

test('a pool that was widened is filled from its new beginning', async () => {
  await apply(pool('wide', '10.10.1.0/24', 26));
  await claim('wide');
  await apply(pool('wide', '10.10.0.0/23', 26));
  expect((await claim('wide')).block?.cidr).toBe('10.10.0.0/26');
  const hints = await runQuery(database.postgres.url, `SELECT lowest::text FROM caracal.pool_hint WHERE pool = 'wide'`);
  expect(hints).toEqual([{ lowest: '10.10.0.64/26' }]);
});

test.each([
  ['10.12.0.0/18', 20, '10.12.16.0/20'],
  ['10.12.64.0/30', 32, '10.12.64.1/32'],
  ['fd00:12::/112', 116, 'fd00:12::1000/116'],
  ['fd00:13::/64', 122, 'fd00:13::40/122'],
  ['fd00:14::fffc/126', 128, 'fd00:14::fffd/128'],
])('a pool %s has blocks of /%d', async (cidr, blockSize, second) => {
  const name = `size-${blockSize}`;
  await apply(pool(name, cidr, blockSize));
  expect((await claim(name)).block?.cidr).toBe(`${cidr.split('/')[0]}/${blockSize}`);
  expect((await claim(name)).block?.cidr).toBe(second);
});
