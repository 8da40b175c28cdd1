import { type Generated, Kysely, PostgresDialect, type RawBuilder, sql } from 'kysely';
import pg from 'pg';

/** The tables as kysely sees them; the truth is in migrations/. */
export interface Database {
  feed_head: { revision: bigint; oldest: bigint };
  revision: { revision: bigint; nonce: bigint; at: Date };
  change: { revision: bigint; ordinal: number; item: 'resource' | 'endpoint' | 'block'; key: string[]; body: unknown };
  resource: {
    kind: string;
    namespace: string;
    name: string;
    api_version: string;
    uid: string;
    labels: Record<string, string>;
    annotations: Record<string, string>;
    spec: unknown;
    generation: bigint;
    revision: bigint;
    created_at: Generated<Date>;
  };
  block: {
    cidr: string;
    pool: string;
    node: string;
    incarnation: string;
    revision: bigint;
    claimed_at: Generated<Date>;
  };
  endpoint: {
    node: string;
    container_id: string;
    interface: string;
    pod_namespace: string;
    pod_name: string;
    pod_uid: string;
    addresses: string[];
    revision: bigint;
  };
  node_status: { node: string; status: unknown; reported_at: Date };
  migration: { number: number; name: string; applied_at: Generated<Date> };
}

const int8 = 20;
// pg types the ids of its own parsers only, and takes any number.
const defaultParser = pg.types.getTypeParser as (oid: number, format?: string) => unknown;

/** How every connection of ours is made: names in the schema caracal, bigint as bigint, and nothing waits for ever. */
export function connectionOptions(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: 'caracal',
    options: '-c search_path=caracal,pg_temp',
    // A server that is reachable but silent (frozen, partitioned) must not hold a request for ever; the role's own timeouts
    // (migrate.ts) are shorter and come first when the server is alive.
    connectionTimeoutMillis: 5000,
    query_timeout: 20_000,
    keepAlive: true,
    types: {
      // pg's parsers, except that int8 loses nothing
      getTypeParser: ((oid: number, format?: string) => (oid === int8 ? BigInt : defaultParser(oid, format))) as never, // its type is an overload a mile long
    },
  };
}

export function openPool(url: string, size: number, onError: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({ ...connectionOptions(url), max: size, idleTimeoutMillis: 30_000 });
  pool.on('error', onError); // an idle connection was lost: the next query makes a new one
  // One that is in use fails its query; without a listener of its own it would end the process as well.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

export function kyselyOn(pool: pg.Pool): Kysely<Database> {
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
}

/** A JavaScript value as one jsonb parameter. */
export function jsonb(value: unknown): RawBuilder<unknown> {
  return sql`${JSON.stringify(value)}::jsonb`;
}
