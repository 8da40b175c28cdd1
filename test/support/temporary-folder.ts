import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { undoAtExit } from './undo.ts';

const folders = new Map<string, () => void>();

/** Makes a folder `caracal-ROLE-…` of mode 0700, which goes when this process ends, if not before. */
export function makeTemporaryFolder(role: string): string {
  const path = mkdtempSync(join(tmpdir(), `caracal-${role}-`));
  folders.set(
    path,
    undoAtExit(() => removeTemporaryFolder(path)),
  );
  return path;
}

/** Removes it with all that is in it or mounted there. Safe to call twice. */
export function removeTemporaryFolder(path: string): void {
  for (const mount of mountsBelow(path)) spawnSync('umount', ['-l', mount]);
  rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  folders.get(path)?.();
  folders.delete(path);
}

/** The last first. */
function mountsBelow(folder: string): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`))
    .reverse();
}
