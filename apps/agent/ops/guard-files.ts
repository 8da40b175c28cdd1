import { type FSWatcher, readFileSync, renameSync, statSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findForeign, findOwn } from '@caracal/cni';
import type { Logger } from 'pino';

const plugins = ['caracal', 'caracal-ipam'];
const pathsFile = 'caracal.path';
/** What happens to a file comes in several events. */
const gatherMs = 200;
/** Beside what the kernel tells: it tells nothing of a folder that is mounted anew. */
const lookEveryMs = 60_000;

export interface GuardedFolders {
  /** Where the runtime finds plugins. */
  readonly pluginFolder: string;
  /** And where network configurations. */
  readonly configurationFolder: string;
  /** The name of ours; without it the first that names our plugin. */
  readonly own?: string;
}

/**
 * Watches over what the installer has put where runtimes look: a plugin of ours that vanishes, or that another network's installer
 * overwrites, is put back, and so is the file that tells it where we are. Another version of ours stays, and counts from then on: somebody
 * installs it. `onConfigurations` is called when network configurations may have changed; those that take ours away are named in the log.
 */
export function guardFiles(
  { pluginFolder, configurationFolder, own }: GuardedFolders,
  logger: Logger,
  onConfigurations: () => void = () => {},
): { close(): void } {
  const kept = new Map<string, { readonly bytes: Buffer; readonly mode: number }>();
  const watchers: FSWatcher[] = [];
  let foreign = '';
  let hadOwn = false;
  let timer: NodeJS.Timeout | undefined;

  /** The file, if it is one of ours of whatever version. */
  function readIfOurs(name: string): Buffer | undefined {
    try {
      const bytes = readFileSync(join(pluginFolder, name));
      const ours = name === pathsFile ? /^\/.*\n\//.test(bytes.toString()) : bytes.includes(pathsFile);
      return ours ? bytes : undefined;
    } catch {
      return undefined;
    }
  }

  function look(): void {
    try {
      for (const name of [pathsFile, ...plugins]) {
        const present = readIfOurs(name);
        if (present) kept.set(name, { bytes: present, mode: statSync(join(pluginFolder, name)).mode & 0o777 });
        const lost = present ? undefined : kept.get(name);
        if (!lost) continue;
        const { bytes, mode } = lost;
        const temporary = join(pluginFolder, `.${name}.back`);
        writeFileSync(temporary, bytes, { mode });
        renameSync(temporary, join(pluginFolder, name));
        logger.warn({ file: join(pluginFolder, name) }, 'somebody removed or overwrote a plugin of ours: put back');
      }
      const first = own ?? findOwn(configurationFolder);
      if (!own && !first && hadOwn)
        logger.error({ folder: configurationFolder }, 'no network configuration names our plugin any more');
      hadOwn = first !== undefined;
      const found = (first ? findForeign(configurationFolder, first) : []).map(({ file }) => file);
      if (found.length > 0 && found.join() !== foreign) {
        const remedy = 'remove them, or run caracal-cni install --take-over';
        logger.error({ files: found, remedy }, 'network configurations of others take the place of ours');
      }
      foreign = found.join();
    } catch (error) {
      logger.warn({ reason: String(error) }, 'the files of the CNI plugin cannot be looked after');
    }
    onConfigurations();
  }

  function soon(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      look();
    }, gatherMs).unref();
  }

  for (const folder of new Set([pluginFolder, configurationFolder])) {
    try {
      const watcher = watch(folder, { persistent: false }, soon);
      watcher.on('error', () => watcher.close());
      watchers.push(watcher);
    } catch {
      // Not there yet: looked at now and then.
    }
  }
  const interval = setInterval(look, lookEveryMs).unref();
  look();

  return {
    close() {
      clearInterval(interval);
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
