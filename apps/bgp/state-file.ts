import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SpeakerConfig } from '@caracal/bgp-speaker';
import { parseConfig } from './config.ts';

/** The last configuration, on disk: a restart without the agent goes on with it. */
export interface StateFile {
  /** The stored configuration; undefined when there is none, or why it cannot be used. */
  read(): SpeakerConfig | undefined | { readonly message: string };
  /** Replaces it in one step that a power cut does not tear. */
  write(config: SpeakerConfig): void;
}

export function openStateFile(path: string): StateFile {
  return {
    read() {
      let text: string;
      try {
        text = readFileSync(path, 'utf8');
      } catch (error) {
        // Anything but absence (a directory, no permission) is worth the operator's attention.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        return { message: `${path}: ${String(error)}` };
      }
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch (error) {
        return { message: `${path}: ${String(error)}` };
      }
      const parsed = parseConfig(value);
      return parsed.ok ? parsed.config : { message: `${path}: ${parsed.message}` };
    },
    write(config) {
      mkdirSync(dirname(path), { recursive: true });
      const temporary = `${path}.new`;
      const file = openSync(temporary, 'w', 0o600);
      try {
        writeSync(file, JSON.stringify(config));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
      const directory = openSync(dirname(path), 'r');
      try {
        fsyncSync(directory);
      } finally {
        closeSync(directory);
      }
    },
  };
}
