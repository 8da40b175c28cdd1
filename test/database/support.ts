import { type Datastore, migrate, openDatastore } from '@caracal/datastore';
import type pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { runQuery } from '../support/run-query.ts';

export { runQuery };

export interface TestDatabase {
  readonly postgres: Postgres;
  readonly datastore: Datastore;
  /** Plain SQL as the superuser. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** A migrated database for the tests of a file, as the role of the hub. */
export function useDatabase(): TestDatabase {
  let postgres: Postgres | undefined;
  let datastore: Datastore | undefined;
  beforeAll(async () => {
    postgres = await startPostgres();
    await migrate(postgres.url);
    datastore = openDatastore(postgres.urlFor('caracal_hub'), { connections: 12 });
  }, 60_000);
  afterAll(async () => {
    await datastore?.close();
    await postgres?.destroy();
  }, 60_000);
  return {
    get postgres() {
      return postgres!;
    },
    get datastore() {
      return datastore!;
    },
    query: (text, values) => runQuery(postgres!.url, text, values),
  };
}

export function pool(name: string, cidr: string, blockSize: number, more: object = {}) {
  return {
    apiVersion: 'caracal.network/v1',
    kind: 'IPPool',
    namespace: '',
    name,
    labels: {},
    spec: { cidr, blockSize, disabled: false, ...more },
  };
}
