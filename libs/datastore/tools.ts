// Postgres' own tools, as child processes: of the server's major, found where Debian has them or on PATH. What they connect with goes by
// environment, so that no list of processes shows a password.
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';

export interface Tools {
  /** Runs one to its end; throws with what it said when it fails. */
  run(tool: 'pg_dump' | 'pg_restore', args: readonly string[]): Promise<void>;
}

/** The tools for the server of a URL; throws an Error that says what to install when there are none of its major. */
export async function findTools(
  url: string,
  options: { major: number; folder?: string; path: string },
): Promise<Tools> {
  const { major, folder, path } = options;
  const folders = folder ? [folder] : [`/usr/lib/postgresql/${major}/bin`, ...path.split(delimiter).filter(Boolean)];
  const environment = { ...connectionEnvironment(url), PATH: path, LC_ALL: 'C' };
  const found = new Map<string, string>();
  for (const tool of ['pg_dump', 'pg_restore']) {
    for (const place of folders) {
      const version = await runTool(join(place, tool), ['--version'], environment).catch(() => '');
      if (Number(/ (\d+)/.exec(version)?.[1]) !== major) continue;
      found.set(tool, join(place, tool));
      break;
    }
    if (!found.has(tool)) {
      throw new Error(
        `the server is Postgres ${major}, and there is no ${tool} of that version in ${folders.join(', ')}: install postgresql-client-${major}, or name its folder by --pg-bin`,
      );
    }
  }
  return {
    run: async (tool, args) => void (await runTool(found.get(tool) ?? tool, args, environment)),
  };
}

/** What libpq reads in place of a URL. */
function connectionEnvironment(url: string): Record<string, string> {
  const { host, port, user, database, password } = new pg.Client({ connectionString: url });
  const tls = new URLSearchParams(url.split('?')[1] ?? '');
  const named = {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    // What is in the URL comes before a file that the environment names.
    PGPASSWORD: typeof password === 'string' ? password : undefined,
    PGPASSFILE: process.env.PGPASSFILE,
    HOME: process.env.HOME,
    PGSSLMODE: tls.get('sslmode'),
    PGSSLROOTCERT: tls.get('sslrootcert'),
    PGSSLCERT: tls.get('sslcert'),
    PGSSLKEY: tls.get('sslkey'),
  };
  return Object.fromEntries(Object.entries(named).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

async function runTool(tool: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const child = spawn(tool, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code !== 0) throw new Error(`${tool} failed: ${err.trim() || `exit code ${code}`}`);
  return out;
}
