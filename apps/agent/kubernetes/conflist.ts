import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { KubernetesConfig } from '../config.ts';

type Wanted = Pick<KubernetesConfig, 'conflist' | 'chained'>;

/** The network configuration for the runtime (CNI specification 1.0, section 1). */
function conflistText({ chained }: Wanted): string {
  // What another plugin of the chain does we leave to it.
  const left = (type: string) => !chained.some((plugin) => plugin.type === type);
  const capabilities = {
    ...(left('portmap') && { portMappings: true }),
    ...(left('bandwidth') && { bandwidth: true }),
  };
  const plugins = [{ type: 'caracal', capabilities }, ...chained];
  return `${JSON.stringify({ cniVersion: '1.0.0', name: 'caracal', plugins }, undefined, 2)}\n`;
}

/** Writes it in one step; a runtime that watches the folder sees all of it or nothing. Whether it was not so already. */
export function writeConflist(wanted: Wanted): boolean {
  const text = conflistText(wanted);
  if (readIfThere(wanted.conflist) === text) return false;
  mkdirSync(dirname(wanted.conflist), { recursive: true });
  // Runtimes read what ends in .conf, .conflist or .json.
  const temporary = join(dirname(wanted.conflist), `.${basename(wanted.conflist)}.new`);
  writeFileSync(temporary, text, { mode: 0o644 });
  renameSync(temporary, wanted.conflist);
  return true;
}

export function removeConflist({ conflist }: Pick<Wanted, 'conflist'>): void {
  rmSync(conflist, { force: true });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
