// Brings a database to the newest schema: numbered plain SQL files, each in a transaction of its own, under an advisory lock, so
// that any number of hubs and operators may try at once. A file that has been released is never edited; a change is a new file,
// ordered expand -> roll out -> contract, so that the binaries of the version before keep working in between.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { connectionOptions } from './database.ts';

/** The schema versions (numbers of migrations) that this tree can work with. */
export const schemaRange: { readonly oldest: number; readonly newest: number } = { oldest: 12, newest: 15 };

const advisoryLock = 0x6361_7261; // "cara"

export interface MigrationReport {
  readonly from: number;
  readonly to: number;
  readonly applied: readonly string[];
}

/** `url` names a role that may create roles and schemas (a superuser, or what the cloud gives). Throws when the database does. */
export async function migrate(url: string, options: { readonly upTo?: number } = {}): Promise<MigrationReport> {
  const client = new pg.Client({ ...connectionOptions(url), query_timeout: 0 });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [advisoryLock]);
    await ensureRoles(client);
    await client.query('CREATE SCHEMA IF NOT EXISTS caracal AUTHORIZATION caracal_owner');
    await client.query('SET ROLE caracal_owner');
    await client.query(`CREATE TABLE IF NOT EXISTS migration
      (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`);
    const from = await schemaVersion(client);
    const applied: string[] = [];
    for (const file of await migrationFiles()) {
      if (file.number <= from || file.number > (options.upTo ?? Number.POSITIVE_INFINITY)) continue;
      await applyOne(client, file);
      applied.push(file.name);
    }
    return { from, to: await schemaVersion(client), applied };
  } finally {
    await client.end(); // and with the session goes the lock
  }
}

/** What a database says of its schema: its version, and the oldest version that a binary must know to work with it. */
export async function schemaFacts(client: {
  query: pg.Client['query'];
}): Promise<{ version: number; usableFrom: number }> {
  const version = await schemaVersion(client);
  if (version < 8) return { version, usableFrom: version };
  // A migration that only adds names the binaries that it leaves working; one that names none needs those that brought it.
  const { rows } = await client.query(
    'SELECT max(coalesce(oldest_binary, number)) AS oldest FROM caracal.migration WHERE number > $1',
    [schemaRange.newest],
  );
  return { version, usableFrom: rows[0].oldest ?? version };
}

/** The number of the newest migration, 0 for a database without Caracal's schema. */
async function schemaVersion(client: { query: pg.Client['query'] }): Promise<number> {
  const found = await client.query(`SELECT to_regclass('caracal.migration') IS NOT NULL AS present`);
  if (!found.rows[0].present) return 0;
  const { rows } = await client.query('SELECT coalesce(max(number), 0) AS version FROM caracal.migration');
  return rows[0].version;
}

interface MigrationFile {
  readonly number: number;
  readonly name: string;
  readonly text: string;
}

async function migrationFiles(): Promise<MigrationFile[]> {
  const folder = join(import.meta.dirname, 'migrations');
  const names = (await readdir(folder)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({
      number: Number(name.slice(0, 4)),
      name,
      text: await readFile(join(folder, name), 'utf8'),
    })),
  );
}

async function applyOne(client: pg.Client, file: MigrationFile): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(file.text);
    await client.query('INSERT INTO migration (number, name) VALUES ($1, $2)', [file.number, file.name]);
    const oldest = /^-- works with binaries from (\d+) on\n/.exec(file.text)?.[1];
    if (oldest) await client.query('UPDATE migration SET oldest_binary = $2 WHERE number = $1', [file.number, oldest]);
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    throw new Error(`migration ${file.name} failed: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/**
 * caracal_owner owns the schema and logs in nowhere; caracal_hub reads, and writes through the functions that it is granted.
 * Roles belong to the whole Postgres cluster, so they may be there already: made by an administrator, or for another database.
 * Their timeouts are what keeps a holder of the revision lock that stalls from stopping every writer. Nor is anything compiled for one
 * statement (`jit`): a plan without sequential scans counts as so dear that every write was, which took ten times as long as the write.
 */
export async function ensureRoles(client: pg.Client): Promise<void> {
  await client.query(`DO $$
    BEGIN
      PERFORM pg_advisory_xact_lock(${advisoryLock});
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'caracal_owner') THEN CREATE ROLE caracal_owner NOLOGIN; END IF;
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'caracal_hub') THEN CREATE ROLE caracal_hub LOGIN; END IF;
      -- Since Postgres 16 a member need not be one who may become the role.
      IF NOT pg_has_role(current_user, 'caracal_owner',
                         CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN GRANT caracal_owner TO CURRENT_USER; END IF;
      EXECUTE format('ALTER ROLE caracal_hub IN DATABASE %I SET lock_timeout = %L', current_database(), '5s');
      EXECUTE format('ALTER ROLE caracal_hub IN DATABASE %I SET statement_timeout = %L', current_database(), '15s');
      EXECUTE format('ALTER ROLE caracal_hub IN DATABASE %I SET idle_in_transaction_session_timeout = %L', current_database(), '10s');
      EXECUTE format('ALTER ROLE caracal_hub IN DATABASE %I SET jit = off', current_database());
    END $$`);
}
