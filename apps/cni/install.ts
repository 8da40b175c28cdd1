import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { buildStub, pluginNames } from './build.ts';
import { former } from './former.ts';

export interface CniInstallation {
  /** Where the container runtime looks for plugins, such as /opt/cni/bin. */
  readonly folder: string;
  /** The agent's socket. */
  readonly socketPath: string;
  /** Where a DEL without an agent is kept. */
  readonly spoolDirectory: string;
}

/**
 * Installs `caracal` and `caracal-ipam` (one file, two names) with the file that tells them their paths. Each file is
 * replaced in one step, the paths first: a runtime that starts a plugin meanwhile gets the old or the new one, whole. What was there
 * under these names and is another thing is kept beside, see `former`.
 */
export function installCni({ folder, socketPath, spoolDirectory }: CniInstallation): void {
  const from = buildStub();
  makeFolder(folder);
  const temporary = join(folder, `.caracal-${randomBytes(4).toString('hex')}`);
  const link = `${temporary}.link`;
  try {
    writeFileSync(temporary, `${socketPath}\n${spoolDirectory}\n`, { mode: 0o644 });
    keepFormer(folder, 'caracal.path', temporary);
    renameSync(temporary, join(folder, 'caracal.path'));
    copyFileSync(join(from, pluginNames[0]), temporary);
    for (const name of pluginNames) {
      keepFormer(folder, name, temporary);
      linkSync(temporary, link);
      renameSync(link, join(folder, name));
    }
  } finally {
    for (const file of [temporary, link]) rmSync(file, { force: true });
  }
}

/** With those above it. Where none can be made (ENOENT though the one above is there, as in /proc), Node.js' own way would try for ever. */
function makeFolder(folder: string): void {
  const isThere = () => statSync(folder, { throwIfNoEntry: false })?.isDirectory();
  if (isThere()) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!isThere()) throw error; // somebody else has made it
  }
}

/** Keeps the file of this name as `former(name)` when it differs from the one that is to take its place. */
function keepFormer(folder: string, name: string, next: string): void {
  const [file, kept] = [join(folder, name), join(folder, former(name))];
  if (!existsSync(file) || readFileSync(file).equals(readFileSync(next))) return;
  rmSync(kept, { force: true });
  linkSync(file, kept);
}
