import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { delimiter, join } from 'node:path';

/** What a check finds. A warning is what stops no pod today. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly found: string;
  /** What to do about it. */
  readonly remedy?: string;
}

export const ok = (check: string, found: string): Finding => ({ check, state: 'ok', found });
export const warning = (check: string, found: string, remedy: string): Finding => ({
  check,
  state: 'warning',
  found,
  remedy,
});
export const problem = (check: string, found: string, remedy: string): Finding => ({
  check,
  state: 'problem',
  found,
  remedy,
});

/** Programs for root lie in folders that a user's PATH may lack. */
const searchPath = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/** Where a program is. */
export function findProgram(name: string, folders: readonly string[] = searchPath): string | undefined {
  return folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Runs a program; its standard output, or why there is none. */
export function ask(
  command: string,
  args: readonly string[],
): Promise<{ readonly ok: boolean; readonly stdout: string; readonly message: string }> {
  const program = findProgram(command);
  if (!program) return Promise.resolve({ ok: false, stdout: '', message: `${command} is missing` });
  return new Promise((resolve) => {
    execFile(program, args, { maxBuffer: 256 << 20, timeout: 20_000 }, (error, stdout, stderr) => {
      const [line] = (stderr.trim() || error?.message || '').split('\n');
      resolve({ ok: !error, stdout, message: line });
    });
  });
}

/** A file's text without the newline at its end; undefined when it cannot be read. */
export function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}

/** Why nobody serves a unix socket; undefined when somebody does. */
export function whyNotServed(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(path, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error) => resolve(error.message));
  });
}
