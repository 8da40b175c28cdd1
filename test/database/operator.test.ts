import { migrate, openDatastore } from '@caracal/datastore';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { look } from '../../operator/survey.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
  await migrate(postgres.url);
});
afterAll(() => postgres?.destroy());

const tier = (name: string) =>
  ({ kind: 'Tier', namespace: '', name, apiVersion: 'caracal.network/v1', labels: {}, spec: {} }) as const;

test('a newer term fences the one before; another cluster is refused', async () => {
  const datastore = openDatastore(postgres.urlFor('caracal_hub'));
  try {
    expect(await datastore.takeEpoch('cluster-1', 'a')).toEqual({ epoch: 1n });
    expect(await datastore.write({ op: 'resources', epoch: 1n, put: [tier('one')] })).toMatchObject({
      outcomes: ['created'],
    });
    expect(await datastore.takeEpoch('cluster-1', 'b')).toEqual({ epoch: 2n });
    expect(await datastore.write({ op: 'resources', epoch: 1n, put: [tier('two')] })).toMatchObject({ fenced: true });
    expect(await datastore.takeEpoch('cluster-2', 'c')).toEqual({ otherCluster: 'cluster-1' });
    const { resources } = await datastore.listResources({ kinds: ['Tier'] });
    expect(resources.map(({ name }) => name)).toEqual(['one']);
  } finally {
    await datastore.close();
  }
});

test('deleting with missingOk passes over what is not there', async () => {
  const datastore = openDatastore(postgres.urlFor('caracal_hub'));
  try {
    const gone = [tier('one'), tier('never')];
    expect(await datastore.write({ op: 'resources', delete: gone })).toMatchObject({
      refused: [{ reason: 'NotFound' }],
    });
    expect(await datastore.write({ op: 'resources', delete: gone, missingOk: true })).toMatchObject({ outcomes: [] });
    expect((await datastore.listResources({ kinds: ['Tier'] })).resources).toEqual([]);
  } finally {
    await datastore.close();
  }
});

test('how much of a pool is in use', async () => {
  const datastore = openDatastore(postgres.urlFor('caracal_hub'));
  try {
    const spec = { cidr: '10.0.0.0/16', blockSize: 26 };
    await datastore.write({
      op: 'resources',
      put: [{ kind: 'IPPool', namespace: '', name: 'p', apiVersion: 'caracal.network/v1', labels: {}, spec }],
    });
    await datastore.write({ op: 'claim', pool: 'p', node: 'n1', incarnation: 'i' });
    await datastore.write({ op: 'claim', pool: 'p', node: 'n2', incarnation: 'i' });
    const endpoint = {
      containerId: 'c',
      interface: 'eth0',
      podNamespace: 'x',
      podName: 'y',
      podUid: 'z',
      addresses: ['10.0.0.1'],
    };
    await datastore.write({ op: 'report', node: 'n1', full: true, endpoints: [endpoint], removed: [] });
    expect(await datastore.poolUsage()).toEqual([{ pool: 'p', blocks: 2, addresses: 1 }]);
  } finally {
    await datastore.close();
  }
});

test('a survey sees that claims are not durable, and that blocks are not granted, from what Postgres says', async () => {
  const datastore = openDatastore(postgres.urlFor('caracal_hub'));
  try {
    const notDurable = expect.stringContaining('no synchronous standby');
    expect((await look(datastore)).durability).toEqual({ notDurable, reasserting: undefined });
    await datastore.write({ op: 'notice', seen: { revision: 2n ** 40n, nonce: 1n } });
    const { durability } = await look(datastore);
    expect(durability.reasserting?.reason).toContain('which this database does not have');
  } finally {
    await datastore.close();
  }
});
