// A real Postgres for tests, lab and demo, with fsync on: what it acknowledged is on the disk after a SIGKILL.
//
// Who may connect. The server runs as nobody (uid 65534) when we are root, else as ourselves. Its socket lies in a folder of
// mode 0700 that belongs to that user, and connections over it are authenticated by `peer`: the kernel says which user is
// calling, and only root (or we ourselves) may be any role. So neither another user of the machine nor another process of
// nobody gets in, and there is no password that could leak. TCP, only when a port is asked for, listens on loopback alone and
// demands the random password that was made at initdb and is kept in the data folder.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFile,
  chmod,
  chown,
  mkdir,
  open,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { postgresBinaries } from './postgres-binaries.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

const asRoot = process.getuid?.() === 0;
const serverUser = { uid: asRoot ? 65534 : process.getuid!(), gid: asRoot ? 65534 : process.getgid!() };
const database = 'caracal';
const passwordFileName = 'caracal.password';
/** Small, as there may be many on one machine. */
const sizes = { shared_buffers: '32MB', max_connections: '60', max_wal_size: '256MB', min_wal_size: '16MB' };
const startTimeoutMs = 30_000;
const stopTimeoutMs = 30_000;

export interface PostgresOptions {
  /** Made (initdb) when it is empty. Its parents must let uid 65534 through. Without one: a temporary folder, removed by `destroy`. */
  readonly dataDirectory?: string;
  /** Of the socket; by default `socket` beside the data folder. Created with mode 0700. */
  readonly socketDirectory?: string;
  /** Listen on 127.0.0.1 and ::1 at this port too. */
  readonly port?: number;
  /** Outlive this process. Without it the server ends when this process does, however it ends. */
  readonly detached?: boolean;
  /** The folder with the `bin` of another installation, such as Debian's; by default the one that npm brings. */
  readonly installation?: string;
  /** More settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Postgres {
  /** Of the superuser, over the unix socket, as `pg` reads it. */
  readonly url: string;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly logFile: string;
  /** Of the postmaster; undefined while it does not run. */
  pid(): number | undefined;
  /** The same database as another role. */
  urlFor(role: string): string;
  /** Over TCP; only when a port was asked for. */
  tcpUrl(): Promise<string>;
  /** After `stop` or `kill`; resolves when connections are accepted. */
  start(): Promise<void>;
  /** Ends connections and shuts down in order. */
  stop(): Promise<void>;
  /** SIGKILL to the postmaster: its children notice and end, nothing is flushed. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Stops it and removes its folders. */
  destroy(): Promise<void>;
}

/** Starts a server, making its data folder and the database `caracal` first when they are missing. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const postgres = await preparePostgres(options);
  try {
    await postgres.start();
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return postgres;
}

/** A handle for a server that may run already (started detached by an earlier process) or not; starts nothing. */
export async function preparePostgres(options: PostgresOptions = {}): Promise<Postgres> {
  let temporary: string | undefined;
  if (!options.dataDirectory) {
    temporary = makeTemporaryFolder('pg');
    await chmod(temporary, 0o711);
  }
  const dataDirectory = resolve(options.dataDirectory ?? join(temporary!, 'data'));
  const socketDirectory = resolve(options.socketDirectory ?? join(dirname(dataDirectory), 'socket'));
  const port = options.port ?? 5432;
  const socket = join(socketDirectory, `.s.PGSQL.${port}`);
  if (Buffer.byteLength(socket) > 107)
    throw new Error(`socket path ${socket} is longer than 107 bytes: choose a shorter folder`);
  const logFile = `${dataDirectory}.log`;
  let child: ChildProcess | undefined;

  const runningPid = async () => {
    const pid = Number((await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
    return pid > 0 && (await isOurs(pid, dataDirectory)) ? pid : undefined;
  };
  let knownPid = await runningPid();

  const urlFor = (role: string) =>
    `postgresql://${encodeURIComponent(role)}@/${database}?host=${encodeURIComponent(socketDirectory)}&port=${port}`;
  const passwordFile = join(dataDirectory, passwordFileName);

  const start = async () => {
    knownPid = await runningPid();
    if (knownPid) return;
    const binaries = options.installation ?? (await postgresBinaries());
    await makeFolder(dataDirectory);
    await makeFolder(socketDirectory);
    if (!(await exists(passwordFile))) await initialise(binaries, dataDirectory);
    const settings = {
      listen_addresses: options.port ? '127.0.0.1,::1' : '',
      port: String(port),
      unix_socket_directories: socketDirectory,
      unix_socket_permissions: '0700',
      ...sizes,
      ...options.settings,
    };
    const args = [
      '-D',
      dataDirectory,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ];
    // After a SIGKILL the dead server's children may hold its shared memory for a moment: then it is tried again.
    for (const deadline = Date.now() + startTimeoutMs; ; await sleep(100)) {
      const attempt = await launch(
        join(binaries, 'bin', 'postgres'),
        args,
        dataDirectory,
        logFile,
        options.detached ?? false,
      );
      if (attempt.ok) {
        child = attempt.child;
        knownPid = child.pid;
        break;
      }
      if (Date.now() > deadline || !attempt.log.includes('shared memory')) {
        throw new Error(`Postgres did not start in ${dataDirectory}: ${attempt.log.trim()}`);
      }
    }
    await ensureDatabase(urlFor('postgres'));
  };

  const end = async (signal: 'SIGINT' | 'SIGKILL') => {
    const pid = await runningPid();
    knownPid = undefined;
    if (!pid) return;
    process.kill(pid, signal);
    for (const deadline = Date.now() + stopTimeoutMs; await isOurs(pid, dataDirectory); await sleep(10)) {
      if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
    }
    child = undefined;
  };

  const postgres: Postgres = {
    url: urlFor('postgres'),
    dataDirectory,
    socketDirectory,
    logFile,
    pid: () =>
      child && child.exitCode === null && child.signalCode === null ? child.pid : child ? undefined : knownPid,
    urlFor,
    tcpUrl: async () => {
      if (!options.port) throw new Error('this Postgres was started without a TCP port');
      const password = (await readFile(passwordFile, 'utf8')).trim();
      return `postgresql://postgres:${password}@127.0.0.1:${port}/${database}`;
    },
    start,
    stop: () => end('SIGINT'),
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGINT');
      await start();
    },
    destroy: async () => {
      await end('SIGINT');
      for (const path of [dataDirectory, socketDirectory, logFile, temporary]) {
        if (path) await rm(path, { recursive: true, force: true });
      }
    },
  };
  return postgres;
}

/** initdb beside the data folder, moved into place when all of it is there: an interrupted one is done again. */
async function initialise(binaries: string, dataDirectory: string): Promise<void> {
  const partial = `${dataDirectory}.partial`;
  await rm(partial, { recursive: true, force: true });
  await makeFolder(partial);
  const password = `${dataDirectory}.new-password`;
  await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  await chown(password, serverUser.uid, serverUser.gid);
  const args = [
    '-D',
    partial,
    '-U',
    'postgres',
    '--pwfile',
    password,
    '--auth-local=peer',
    '--auth-host=scram-sha-256',
  ];
  args.push('--encoding=UTF8', '--locale=C', '--wal-segsize=4', '--no-instructions');
  const child = spawnAsServer(join(binaries, 'bin', 'initdb'), args, ['ignore', 'pipe', 'pipe'], false);
  let output = '';
  child.stdout!.on('data', (chunk: Buffer) => (output += chunk));
  child.stderr!.on('data', (chunk: Buffer) => (output += chunk));
  const code = await new Promise((done, failed) => child.on('close', done).on('error', failed));
  if (code !== 0) throw new Error(`initdb failed for ${dataDirectory}: ${output.trim()}`);
  const hba = [
    'local all all peer map=caracal',
    'local replication all peer map=caracal',
    'host all all 127.0.0.1/32 scram-sha-256',
    'host all all ::1/128 scram-sha-256',
  ];
  await writeFile(join(partial, 'pg_hba.conf'), `${hba.join('\n')}\n`);
  // `all` is a word since Postgres 16 only.
  const roles = ['all', 'postgres', 'caracal_hub'];
  const mapped = roles.map((role) => `caracal "${userInfo().username}" ${role}\n`);
  await writeFile(join(partial, 'pg_ident.conf'), mapped.join(''));
  await rename(password, join(partial, passwordFileName));
  await rename(partial, dataDirectory);
}

/** A standby of a running server, in a data folder that is not there yet; start it with `startPostgres`. */
export async function copyForStandby(installation: string, primary: Postgres, dataDirectory: string): Promise<void> {
  await makeFolder(dataDirectory);
  // The standby runs as the server's user, which may not log in otherwise.
  await appendFile(join(primary.dataDirectory, 'pg_ident.conf'), 'caracal nobody postgres\n');
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  await client.query('SELECT pg_reload_conf()');
  await client.end();
  const connection = `host=${primary.socketDirectory} port=5432 user=postgres`;
  const args = ['-D', dataDirectory, '-R', '-X', 'stream', '-c', 'fast', '-d', connection];
  const child = spawnAsServer(join(installation, 'bin', 'pg_basebackup'), args, ['ignore', 'pipe', 'pipe'], false);
  let output = '';
  child.stderr!.on('data', (chunk: Buffer) => (output += chunk));
  const code = await new Promise((done, failed) => child.on('close', done).on('error', failed));
  if (code !== 0) throw new Error(`pg_basebackup failed: ${output.trim()}`);
}

/** One attempt: the child is ready when its pid file says so, or it has ended and its log says why. */
async function launch(
  binary: string,
  args: readonly string[],
  dataDirectory: string,
  logFile: string,
  detached: boolean,
): Promise<{ ok: true; child: ChildProcess } | { ok: false; log: string }> {
  const log = await open(logFile, 'a', 0o600);
  const before = (await log.stat()).size;
  const child = spawnAsServer(binary, args, ['ignore', log.fd, log.fd], detached);
  await log.close();
  let ended = false;
  child.on('exit', () => (ended = true));
  child.on('error', () => (ended = true));
  child.unref();
  for (const deadline = Date.now() + startTimeoutMs; !ended && Date.now() < deadline; await sleep(15)) {
    // Lines of postmaster.pid: the first is the pid, the eighth the state.
    const lines = (await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === child.pid && ['ready', 'standby'].includes(lines[7]?.trim() ?? ''))
      return { ok: true, child };
  }
  if (!ended) child.kill('SIGKILL');
  return { ok: false, log: (await readFile(logFile)).subarray(before).toString() || `${binary} did not run` };
}

function spawnAsServer(
  binary: string,
  args: readonly string[],
  stdio: ['ignore', 'pipe' | number, 'pipe' | number],
  detached: boolean,
): ChildProcess {
  const become = ['--reuid', String(serverUser.uid), '--regid', String(serverUser.gid), '--clear-groups'];
  const prefix = [...(asRoot ? become : []), ...(detached ? [] : ['--pdeathsig', 'INT'])];
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  const options = { stdio, env, cwd: '/', detached };
  return prefix.length > 0
    ? spawn('setpriv', [...prefix, '--', binary, ...args], options)
    : spawn(binary, [...args], options);
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url.replace(`/${database}?`, '/postgres?') });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${database}`);
  } finally {
    await client.end();
  }
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  await chown(path, serverUser.uid, serverUser.gid);
  if (!asRoot) return;
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    const { mode, uid } = await stat(parent);
    if (!(mode & 0o001) && uid !== serverUser.uid) {
      throw new Error(
        `${path} cannot be reached by uid ${serverUser.uid}: ${parent} has mode ${(mode & 0o777).toString(8)}, it needs 711`,
      );
    }
    if (parent === '/') return;
  }
}

/** Whether this pid is a postmaster of this data folder; pids are reused, so its binary and folder are compared. */
async function isOurs(pid: number, dataDirectory: string): Promise<boolean> {
  const [command, cwd, state] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
    readlink(`/proc/${pid}/cwd`).catch(() => ''),
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
  ]);
  if (/\) [ZX] /.test(state)) return false;
  return cwd === dataDirectory && (command.split('\0')[0] ?? '').endsWith('/postgres');
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
