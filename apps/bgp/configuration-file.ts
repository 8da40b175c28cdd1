import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { ParsedConfig } from './config.ts';
import { configFromResources, type FileOptions } from './resources.ts';

/** Editors write a file in several steps. */
const settleMs = 100;

export interface ConfigurationFile {
  read(): ParsedConfig;
  /** What another text would be. */
  parse(text: string): ParsedConfig;
  /** Calls when the file may have changed. */
  watch(changed: () => void): { close(): void };
}

export function configurationFile(path: string, options: FileOptions): ConfigurationFile {
  return {
    parse: (text) => configFromResources(text, options),
    read: () => {
      try {
        return configFromResources(readFileSync(path, 'utf8'), options);
      } catch (error) {
        return { ok: false, message: `${path}: ${error instanceof Error ? error.message : String(error)}` };
      }
    },
    watch: (changed) => {
      let timer: NodeJS.Timeout | undefined;
      // The folder, because a file that is replaced by renaming is another one.
      const watcher = watch(dirname(path), (_, name) => {
        if (name !== null && name !== basename(path)) return;
        clearTimeout(timer);
        timer = setTimeout(changed, settleMs);
      });
      return {
        close: () => {
          clearTimeout(timer);
          watcher.close();
        },
      };
    },
  };
}
