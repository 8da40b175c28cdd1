import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pluginNames } from './build.ts';
import { former } from './former.ts';

const pathsFile = 'caracal.path';

/**
 * Removes what `installCni` has put into the folder; what is not there is fine. A plugin that runs meanwhile ends as it would have. A file
 * that others had under a name of ours is put back. Answers with the names of such.
 */
export function uninstallCni(folder: string): string[] {
  const back: string[] = [];
  for (const name of [...pluginNames, pathsFile]) {
    const [file, kept] = [join(folder, name), join(folder, former(name))];
    // Ours read that file, of whatever version they are.
    const isOthers = name !== pathsFile && existsSync(kept) && !readFileSync(kept).includes(pathsFile);
    if (isOthers) {
      renameSync(kept, file);
      back.push(name);
    } else {
      for (const each of [file, kept]) rmSync(each, { force: true });
    }
  }
  return back;
}
