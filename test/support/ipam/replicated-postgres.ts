// A Postgres with an asynchronous standby, reached at one address wherever it runs, as behind Patroni or CloudNativePG. Of Debian's packages,
// which have pg_basebackup; version 15 is the oldest that is supported.
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { copyForStandby, type Postgres, startPostgres } from '../postgres.ts';
import { childrenOf } from '../proc.ts';
import { runQuery } from '../run-query.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../temporary-folder.ts';

const installation = '/usr/lib/postgresql/15';
/** Processes are killed and no machine: what the kernel was given it keeps. The test's own queries are not worth compiling. */
const settings = { fsync: 'off', jit: 'off' };
const socketName = '.s.PGSQL.5432';

export class ReplicatedPostgres {
  readonly #folder: string;
  #primary: Postgres | undefined;
  #standby: Postgres | undefined;
  #servers = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<ReplicatedPostgres> {
    const folder = makeTemporaryFolder('replicated');
    await chmod(folder, 0o711);
    const replicated = new ReplicatedPostgres(folder);
    await mkdir(replicated.#endpoint);
    replicated.#primary = await replicated.#server(replicated.#nextDirectory());
    await replicated.#pointTo(replicated.#primary);
    return replicated;
  }

  urlFor(role: string): string {
    return `postgresql://${role}@/caracal?host=${encodeURIComponent(this.#endpoint)}`;
  }

  get url(): string {
    return this.urlFor('postgres');
  }

  /** SIGKILL; resolves when nobody is served any more. `start` brings the same one back. */
  async kill(): Promise<void> {
    const children = childrenOf(this.#primary!.pid()!);
    await this.#primary!.kill();
    while (children.some((child) => existsSync(`/proc/${child}`))) await sleep(5);
  }

  async start(): Promise<void> {
    await this.#primary?.start();
  }

  /** Begins a standby that has all there is, in place of a former one. */
  async addStandby(): Promise<void> {
    await this.#standby?.destroy();
    const directory = this.#nextDirectory();
    await copyForStandby(installation, this.#primary!, directory);
    this.#standby = await this.#server(directory);
  }

  /** From here on the standby gets nothing more of what is committed. */
  async cutOffStandby(): Promise<void> {
    const { url } = this.#standby!;
    const [{ lsn }] = await runQuery<{ lsn: string }>(this.url, 'SELECT pg_current_wal_lsn()::text AS lsn');
    await until(url, `SELECT pg_last_wal_replay_lsn() >= '${lsn}' AS ok`);
    await runQuery(url, `ALTER SYSTEM SET primary_conninfo = ''`);
    await runQuery(url, 'SELECT pg_reload_conf()');
    await until(url, 'SELECT count(*) = 0 AS ok FROM pg_stat_wal_receiver');
  }

  /** The primary dies, and the standby takes its place with what it has. */
  async failOver(): Promise<void> {
    const [former, next] = [this.#primary!, this.#standby!];
    await this.kill();
    await runQuery(next.url, 'SELECT pg_promote()');
    await this.#pointTo(next);
    this.#primary = next;
    this.#standby = undefined;
    await former.destroy();
  }

  async destroy(): Promise<void> {
    await this.#standby?.destroy();
    await this.#primary?.destroy();
    removeTemporaryFolder(this.#folder);
  }

  get #endpoint(): string {
    return join(this.#folder, 'endpoint');
  }

  #nextDirectory(): string {
    return join(this.#folder, `server${++this.#servers}`);
  }

  #server(dataDirectory: string): Promise<Postgres> {
    return startPostgres({ installation, dataDirectory, socketDirectory: `${dataDirectory}-socket`, settings });
  }

  async #pointTo({ socketDirectory }: Postgres): Promise<void> {
    const link = join(this.#endpoint, socketName);
    await symlink(join(socketDirectory, socketName), `${link}.new`);
    await rename(`${link}.new`, link);
  }
}

/** Asks until the answer's `ok` is true. */
async function until(url: string, question: string): Promise<void> {
  for (const deadline = performance.now() + 30_000; ; await sleep(20)) {
    const [{ ok }] = await runQuery<{ ok: boolean | null }>(url, question);
    if (ok) return;
    if (performance.now() > deadline) throw new Error(`not after half a minute: ${question}`);
  }
}
