import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('./stub.c', import.meta.url));
const folder = fileURLToPath(new URL('./bin', import.meta.url));

/** The names under which the one executable is installed. */
export const pluginNames = ['caracal', 'caracal-ipam'] as const;

/**
 * Compiles the CNI executable when there is none or its source is newer, and answers with the folder that holds it
 * under both names. Several may do so at once: the result is moved into place when it is whole. Static, with musl
 * (small, starts fastest) or else with the system's C library. Throws with the compilers' messages when neither works.
 */
export function buildStub(): string {
  const [target] = pluginNames.map((name) => join(folder, name));
  if (pluginNames.every((name) => isNewer(join(folder, name), source))) return folder;
  mkdirSync(folder, { recursive: true });
  const temporary = `${target}.${process.pid}`;
  try {
    compile(temporary);
    for (const name of pluginNames) {
      const link = `${temporary}.link`;
      linkSync(temporary, link);
      renameSync(link, join(folder, name));
      // rename(2) does nothing when both names are links to the same file.
      rmSync(link, { force: true });
    }
  } finally {
    rmSync(temporary, { force: true });
  }
  return folder;
}

function compile(output: string): void {
  const messages: string[] = [];
  for (const compiler of ['musl-gcc', 'gcc']) {
    const options = ['-static', '-Os', '-s', '-Wall', '-Wextra', '-o', output, source];
    const result = spawnSync(compiler, options, { encoding: 'utf8' });
    if (result.status === 0) return;
    messages.push(`${compiler}: ${result.error?.message ?? result.stderr}`);
  }
  throw new Error(`the CNI executable cannot be compiled (Debian: apt install musl-tools)\n${messages.join('\n')}`);
}

function isNewer(file: string, than: string): boolean {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat !== undefined && stat.mtimeMs >= statSync(than).mtimeMs;
}
