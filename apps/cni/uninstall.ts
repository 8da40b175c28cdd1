import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pluginNames } from './build.ts';

/** Removes what `installCni` has put into the folder; what is not there is fine. A plugin that runs meanwhile ends as it would have. */
export function uninstallCni(folder: string): void {
  for (const file of [...pluginNames, 'caracal.path']) rmSync(join(folder, file), { force: true });
}
