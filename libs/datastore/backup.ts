// Backup and restore of the schema, by Postgres' own tools. A restored database is another history: what was granted after the backup is
// not in it. So it grants no block until every node has said what it owns (notice_history has the same for failovers), and what it
// and the database that it replaces say differently is told before it counts.
import { open, rename, rm } from 'node:fs/promises';
import pg from 'pg';
import { connectionOptions } from './database.ts';
import { ensureRoles, migrate, schemaFacts, schemaRange } from './migrate.ts';
import { compareSchemas, type Difference } from './queries/compare-schemas.ts';
import { findTools, type Tools } from './tools.ts';

export interface BackupOptions {
  /** Of a role that may become caracal_owner, as for migrations. */
  readonly url: string;
  readonly file: string;
  /** The folder with pg_dump and pg_restore; by default Debian's, then PATH. */
  readonly toolsFolder?: string;
  readonly path: string;
}

export interface BackupReport {
  readonly revision: bigint;
  readonly schema: number;
  readonly blocks: number;
}

export interface RestoreReport extends BackupReport {
  /** When its last change was made. */
  readonly at: Date;
  /** Between the database as it was and the backup. Undefined: there was none. */
  readonly differences: readonly Difference[] | undefined;
  /** Nodes that must say what they own before a block is granted. */
  readonly nodes: readonly string[];
  /** False: the database is as it was. */
  readonly restored: boolean;
}

const former = 'caracal_former';

/** Writes the schema as of one moment to a file of mode 0600, in pg_dump's custom format; a file is there when it is whole. */
export async function backup(options: BackupOptions): Promise<BackupReport> {
  return withClient(options, async (client, tools) => {
    const report = await describe(client, 'caracal');
    const partial = `${options.file}.partial`;
    try {
      await (await open(partial, 'w', 0o600)).close();
      const args = ['--no-password', '--format=custom', '--schema=caracal', '--role=caracal_owner', '--file', partial];
      await tools.run('pg_dump', args);
      const written = await open(partial, 'r');
      await written.sync();
      await written.close();
      await rename(partial, options.file);
    } finally {
      await rm(partial, { force: true });
    }
    return report;
  });
}

/**
 * Puts a backup in the place of the schema. What was there stays beside it as `caracal_former`. Without `enforce` both are only compared, and
 * the former one is put back. Throws while anybody uses the database.
 */
export async function restore(options: BackupOptions & { readonly enforce: boolean }): Promise<RestoreReport> {
  return withClient(options, async (client, tools) => {
    await refuseWhileUsed(client);
    const replaces = await hasSchema(client, 'caracal');
    if (replaces) await client.query(`ALTER SCHEMA caracal RENAME TO ${former}`);
    try {
      await ensureRoles(client);
      await tools.run('pg_restore', [
        '--no-password',
        '--single-transaction',
        '--exit-on-error',
        `--dbname=${client.database}`,
        options.file,
      ]);
      const { version } = await schemaFacts(client);
      if (version > schemaRange.newest)
        throw new Error(
          `the backup has schema version ${version}, newer than ${schemaRange.newest}: update caracalctl`,
        );
      await migrate(options.url);
      const described = await describe(client, 'caracal');
      const { rows } = await client.query<{ at: Date }>('SELECT max(at) AS at FROM caracal.revision');
      const { at } = rows[0];
      await beginHistory(client, at);
      const differences = replaces ? await compareSchemas(client, former, 'caracal') : undefined;
      const nodes = await client.query<{ node: string }>(
        'SELECT node FROM caracal.node WHERE NOT fenced ORDER BY node',
      );
      if (!options.enforce) await putBack(client, replaces);
      return { ...described, at, differences, nodes: nodes.rows.map(({ node }) => node), restored: options.enforce };
    } catch (error) {
      await putBack(client, replaces);
      throw error;
    }
  });
}

async function putBack(client: pg.Client, replaces: boolean): Promise<void> {
  await client.query('BEGIN; DROP SCHEMA IF EXISTS caracal CASCADE');
  if (replaces) await client.query(`ALTER SCHEMA ${former} RENAME TO caracal`);
  await client.query('COMMIT');
}

/** Another history, whatever server it is on: every node has yet to say what it owns. */
async function beginHistory(client: pg.Client, at: Date): Promise<void> {
  await client.query(
    `UPDATE caracal.history SET number = number + 1, identity = caracal.database_identity(), began_at = clock_timestamp(), reason = $1, ended = false`,
    [`it was restored from a backup of ${at.toISOString()}`],
  );
}

async function refuseWhileUsed(client: pg.Client): Promise<void> {
  if (await hasSchema(client, former)) {
    throw new Error(
      `the schema ${former} is still there from an earlier restore: drop it when nothing of it is needed (DROP SCHEMA ${former} CASCADE)`,
    );
  }
  const { rows } = await client.query<{ users: number }>(
    `SELECT count(*)::integer AS users FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'caracal' AND pid <> pg_backend_pid()`,
  );
  if (rows[0].users > 0) {
    throw new Error(
      `hubs or the operator have ${rows[0].users} connections to the database: stop them first (pods go on, and start from the blocks that nodes have)`,
    );
  }
}

async function hasSchema(client: pg.Client, name: string): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>('SELECT to_regnamespace($1) IS NOT NULL AS there', [name]);
  return rows[0].there;
}

async function describe(client: pg.Client, schema: string): Promise<BackupReport> {
  const { version } = await schemaFacts(client);
  if (version === 0) throw new Error('the database has no Caracal in it');
  const { rows } = await client.query<{ revision: bigint; blocks: number }>(
    `SELECT revision, (SELECT count(*)::integer FROM ${schema}.block) AS blocks FROM ${schema}.feed_head`,
  );
  return { ...rows[0], schema: version };
}

async function withClient<T>(
  options: BackupOptions,
  work: (client: pg.Client, tools: Tools) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...connectionOptions(options.url), query_timeout: 0 });
  await client.connect();
  try {
    const { rows } = await client.query<{ number: number }>(
      `SELECT current_setting('server_version_num')::integer AS number`,
    );
    const major = Math.floor(rows[0].number / 10_000);
    return await work(client, await findTools(options.url, { major, folder: options.toolsFolder, path: options.path }));
  } finally {
    await client.end();
  }
}
