import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BackupOptions } from '@caracal/datastore';
import { CommandError, exitCodes, type Io, usageError } from '../io.ts';

export interface DatabaseOptions {
  readonly file: string;
  readonly databaseUrlFile?: string;
  readonly pgBin?: string;
}

/** Writes what is in the database to a file. */
export async function backup(options: DatabaseOptions, io: Io): Promise<void> {
  const datastore = await import('@caracal/datastore');
  const { revision, blocks } = await explained(() => datastore.backup(toolOptions(options, io)));
  io.out(`${options.file}: revision ${revision}, ${blocks} blocks\n`);
}

/** Says what a backup and the database say differently, and with --enforce puts it in its place. */
export async function restore(options: DatabaseOptions & { readonly enforce?: boolean }, io: Io): Promise<void> {
  const datastore = await import('@caracal/datastore');
  const enforce = options.enforce ?? false;
  const { revision, blocks, at, differences, nodes, restored } = await explained(() =>
    datastore.restore({ ...toolOptions(options, io), enforce }),
  );
  io.out(`${options.file}: revision ${revision} of ${at.toISOString()}, ${blocks} blocks\n`);
  if (!differences) io.out('there is no former database to compare it with\n');
  else if (differences.length === 0) io.out('blocks and nodes are as they are in the database\n');
  for (const { kind, message } of differences ?? []) io.out(`${kind}: ${message}\n`);
  if (!restored) return void io.out('nothing was changed; with --enforce the backup takes the place of the database\n');
  const waiting =
    nodes.length === 0
      ? 'no node is known'
      : `no block is granted until these nodes have said what they own: ${nodes.join(', ')}`;
  io.out(`restored; the former database is the schema caracal_former\n${waiting}\n`);
  io.out('start the hubs, and see with caracalctl ipam check who is missing and what conflicts\n');
}

function toolOptions({ file, databaseUrlFile, pgBin }: DatabaseOptions, io: Io): BackupOptions {
  return { url: databaseUrl(databaseUrlFile, io), file: resolve(file), toolsFolder: pgBin, path: io.env.PATH ?? '' };
}

function databaseUrl(file: string | undefined, io: Io): string {
  const url = file
    ? readFileSync(file, 'utf8').trim()
    : io.env.CARACAL_MIGRATION_DATABASE_URL || io.env.CARACAL_DATABASE_URL;
  if (url) return url;
  throw usageError(
    'no database is named: set CARACAL_DATABASE_URL, or name a file that holds the URL by --database-url-file',
  );
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { unavailableReason } = await import('@caracal/datastore');
    const reason = unavailableReason(error);
    if (reason) throw new CommandError(`the database cannot be reached: ${reason}`, exitCodes.unreachable);
    throw new CommandError(error instanceof Error ? error.message : String(error));
  }
}
