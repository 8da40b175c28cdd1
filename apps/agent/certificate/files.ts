import { renameSync, writeFileSync } from 'node:fs';

/** Whole or not at all, whoever reads it meanwhile. */
export function replaceFile(path: string, text: string, mode: number): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}
