import { randomBytes } from 'node:crypto';
import { copyFileSync, linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildStub, pluginNames } from './build.ts';

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
 * replaced in one step, the paths first: a runtime that starts a plugin meanwhile gets the old or the new one, whole.
 */
export function installCni({ folder, socketPath, spoolDirectory }: CniInstallation): void {
  const from = buildStub();
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, `.caracal-${randomBytes(4).toString('hex')}`);
  const link = `${temporary}.link`;
  try {
    writeFileSync(temporary, `${socketPath}\n${spoolDirectory}\n`, { mode: 0o644 });
    renameSync(temporary, join(folder, 'caracal.path'));
    copyFileSync(join(from, pluginNames[0]), temporary);
    for (const name of pluginNames) {
      linkSync(temporary, link);
      renameSync(link, join(folder, name));
    }
  } finally {
    for (const file of [temporary, link]) rmSync(file, { force: true });
  }
}
